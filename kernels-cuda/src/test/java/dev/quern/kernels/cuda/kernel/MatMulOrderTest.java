package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.TestProviders;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Stopwatch;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The order in which Quern's own products are added up is decided by shape and device alone. */
class MatMulOrderTest {
  private static final int CALLS = 256; // more than are measured of one shape

  /**
   * A product of fractions whose F32 sums nothing rounds, in a process of its own, in which calls
   * that are measured take longer and longer, or shorter and shorter.
   */
  private static float[] bits(int major, boolean longer, int m, int n, int k) {
    EmulatedDriver driver = new EmulatedDriver(Emulation.library(), major);
    for (int i = 1; i <= CALLS; i++) {
      driver.times.add(longer ? i : 1f / i);
    }
    try (Engine cuda =
            Engine.builder()
                .kernels(new ReferenceProvider())
                .devices(MatMulCheck.emulated(driver))
                .device(Device.cuda(0))
                .precision(Precision.BF16)
                .build();
        TensorScope _ = TensorScope.open()) {
      return cuda.normal(1, m, k).linear(cuda.normal(2, n, k)).toFloats();
    }
  }

  /** Shapes whose k may be whole or cut, between blocks or warps, in the kernels of each device. */
  @ParameterizedTest
  @CsvSource({
    "9, 16, 56, 4800",
    "9, 70, 64, 1024",
    "8, 16, 56, 4800",
    "8, 32, 64, 2056",
    "8, 256, 128, 136"
  })
  void timingsDontChangeBits(int major, int m, int n, int k) {
    assertArrayEquals(bits(major, true, m, n, k), bits(major, false, m, n, k));
  }

  /** Among tiles of one order the fastest is taken, and none of another. */
  @ParameterizedTest
  @CsvSource({
    "9, 70, 64, 1024, 1, 2, wgmma 128x128 k/2",
    "9, 70, 64, 1024, 2, 1, wgmma 128x256 k/2",
    "9, 16, 56, 4800, 2, 1, mma 16x8 k/2",
    "8, 16, 56, 4800, 2, 1, mma 16x8 k/2",
    "8, 32, 64, 2056, 2, 1, mma 32x32"
  })
  void theFastestOfOneOrderIsTaken(
      int major, int m, int n, int k, float first, float second, String ran) {
    EmulatedDriver driver = new EmulatedDriver(Emulation.library(), major);
    driver.times.addAll(Collections.nCopies(Stopwatch.RUNS, first));
    driver.times.addAll(Collections.nCopies(Stopwatch.RUNS, second));
    new MatMulCheck(driver, MatMulChoice.OWN, Optional::empty)
        .product(ran, ScalarType.BF16, new long[] {m, k}, new long[] {n, k}, Tensor::linear);
  }

  @Test
  void allTilingsOfAProductCutItAlike() {
    Random random = new Random(1);
    boolean cut = false;
    for (int i = 0; i < 5_000; i++) {
      boolean eight = random.nextInt(8) == 0;
      long k = 16L * random.nextInt(1, 1 << random.nextInt(2, 12));
      long m = random.nextInt(1, 1 << random.nextInt(2, 14));
      long n = 8L * random.nextInt(1, 1 << random.nextInt(2, 12));
      Product p = product(eight ? ScalarType.F8_E4M3 : ScalarType.BF16, m, n, k);
      List<HopperTiling> all = HopperTiling.of(p, random.nextInt(2, 160));
      Set<Integer> pieces = all.stream().map(HopperTiling::pieces).collect(Collectors.toSet());
      assertEquals(1, pieces.size(), p::toString);
      assertEquals(1, all.stream().map(HopperTiling::swapped).distinct().count(), p::toString);
      cut |= all.size() > 1 && all.getFirst().pieces() > 1;
    }
    assertTrue(cut, "no product had two tilings that cut k");
  }

  private static Product product(ScalarType type, long m, long n, long k) {
    return new Product(
        new Product.Factor(type, 0, k, 1),
        new Product.Factor(type, 0, k, 1),
        0,
        0,
        0,
        ScalarType.F32,
        m,
        n,
        k,
        new Axes(new long[] {1}, new long[2][1]),
        Epilogue.NONE);
  }

  @Test
  void candidatesOfAnotherOrderAreLeftOut() {
    NamedRunnable call = new NamedRunnable("x", () -> {});
    UnaryOperator<Candidate> same = c -> new Candidate(call, c.order());
    Candidate first = new Candidate(call, new Candidate.Order("s", 1, 2));
    List<Candidate> others =
        List.of(
            new Candidate(call, new Candidate.Order("t", 1, 2)),
            new Candidate(call, new Candidate.Order("s", 2, 2)),
            new Candidate(call, new Candidate.Order("s", 1, 1)));
    for (Candidate other : others) {
      assertEquals(2, Candidate.likeFirst(List.of(first, other, same.apply(first))).size());
    }
    assertEquals(List.of(), Candidate.likeFirst(List.of()));
  }

  /**
   * A device that has no memory for the pieces' sums refuses the product; one that has some again
   * computes it in pieces, as if nothing had been.
   */
  @Test
  void noMemoryForPiecesIsAnErrorAndNotAnotherOrder() {
    EmulatedDriver driver = new EmulatedDriver(Emulation.library(), 9);
    CudaDevice[] opened = {null};
    DeviceProvider device =
        TestProviders.over(
            driver,
            d -> {
              opened[0] = d;
              return new CudaKernels(d, MatMulChoice.OWN, Optional::empty);
            });
    MatMulCheck check = new MatMulCheck(device);
    String error = "cuda:0: no memory for " + Workspace.BYTES;
    opened[0]
        .context()
        .lendBy(
            bytes -> {
              throw new DeviceException(error);
            });
    long[] mk = {20, 2048};
    long[] nk = {128, 2048};
    DeviceException e =
        assertThrows(
            DeviceException.class, () -> check.repeats(ScalarType.BF16, mk, nk, Tensor::linear));
    assertTrue(e.getMessage().contains(error), e.getMessage());
    opened[0].context().lendBy(driver::memAlloc);
    check.product("wgmma 32x128 k/4", ScalarType.BF16, mk, nk, Tensor::linear);
  }
}

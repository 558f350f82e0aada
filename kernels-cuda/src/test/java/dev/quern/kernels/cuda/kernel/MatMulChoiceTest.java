package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.op.Tensor;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.SettingException;
import dev.quern.kernels.cuda.TestProviders;
import dev.quern.kernels.cuda.driver.CublasLt;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.StubLibrary;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Stopwatch;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Which kernel computes a product: by setting, by measurement, and cuBLASLt's by a stub of it. */
class MatMulChoiceTest {
  private static final String PROPERTY = "quern.cuda.matmul";
  private static final Supplier<Optional<CublasLt>> STUB =
      () -> Optional.of(new CublasLt(StubLibrary.symbols()));
  private static final long[] LEFT = {128, 128};
  private static final long[] RIGHT = {256, 128};

  private final EmulatedDriver hopper = new EmulatedDriver(Emulation.library(), 9);

  @AfterEach
  void forget() {
    System.clearProperty(PROPERTY);
  }

  /**
   * What the next calls take, at least: some of their runs are disturbed, and not the same ones.
   */
  private void times(float... least) {
    for (int call = 0; call < least.length; call++) {
      for (int run = 0; run < Stopwatch.RUNS; run++) {
        boolean disturbed = run % least.length != call % Stopwatch.RUNS;
        hopper.times.add(disturbed ? least[call] + 100 / least[call] : least[call]);
      }
    }
  }

  @Test
  void theSettingIsStrict() {
    assertEquals(MatMulChoice.AUTO, MatMulChoice.read());
    System.setProperty(PROPERTY, "cublaslt");
    assertEquals(MatMulChoice.CUBLASLT, MatMulChoice.read());
    System.setProperty(PROPERTY, "cublas");
    SettingException e = assertThrows(SettingException.class, MatMulChoice::read);
    assertEquals(
        "-Dquern.cuda.matmul=cublas is not allowed; it takes own, cublaslt or auto",
        e.getMessage());
  }

  @Test
  void cublasLtComputesWhatItIsGiven() {
    MatMulCheck lt = new MatMulCheck(hopper, MatMulChoice.CUBLASLT, STUB);
    long[] mk = {20, 24};
    long[] km = {24, 16};
    long[] nk = {40, 24};
    long[] kn = {24, 40};
    lt.product("cublasLt #1", ScalarType.BF16, mk, nk, Tensor::linear);
    lt.product("cublasLt #1", ScalarType.F16, mk, kn, Tensor::matmul);
    lt.product("cublasLt #1", ScalarType.F16, new long[] {1, 24}, nk, Tensor::linear);
    lt.product("cublasLt #1", ScalarType.F16, km, kn, (a, b) -> a.transpose().matmul(b));
    lt.product(
        "cublasLt #1", ScalarType.BF16, km, nk, (a, b) -> a.transpose().matmul(b.transpose()));
    lt.product(
        "cublasLt #1",
        ScalarType.BF16,
        mk,
        nk,
        (a, b) -> a.linear(b, b.slice(1, 0, 1).reshape(40).contiguous()));
    lt.product(
        "cublasLt #1",
        ScalarType.BF16,
        new long[] {3, 20, 24},
        new long[] {3, 24, 8},
        Tensor::matmul);
    lt.product(
        "cublasLt #1", ScalarType.BF16, new long[] {3, 20, 24}, new long[] {24, 8}, Tensor::matmul);
  }

  @Test
  void whatCublasLtCantComputeIsComputedAllTheSame() {
    MatMulCheck lt = new MatMulCheck(hopper, MatMulChoice.CUBLASLT, STUB);
    lt.product("mma", ScalarType.BF16, new long[] {20, 33}, new long[] {13, 33}, Tensor::linear);
    MatMulCheck without = new MatMulCheck(hopper, MatMulChoice.CUBLASLT, Optional::empty);
    without.product("wgmma 128x128", ScalarType.BF16, LEFT, RIGHT, Tensor::linear);
  }

  @Test
  void theFastestIsTakenAndRemembered() {
    MatMulCheck auto = new MatMulCheck(hopper, MatMulChoice.AUTO, STUB);
    times(4f, 3f, 1f, 2f); // two kernels of Quern's, two of cuBLASLt's
    auto.product("cublasLt #1", ScalarType.BF16, LEFT, RIGHT, Tensor::linear);
    times(9f);
    auto.product("cublasLt #1", ScalarType.BF16, LEFT, RIGHT, Tensor::linear);
    assertEquals(Stopwatch.RUNS, hopper.times.size(), "a shape is measured once");
    hopper.times.clear();
    times(4f, 1f, 3f, 2f);
    auto.product("wgmma 128x256", ScalarType.F16, LEFT, RIGHT, Tensor::linear);
  }

  @Test
  void ownKernelsAreMeasuredAmongThemselves() {
    MatMulCheck own =
        new MatMulCheck(
            hopper,
            MatMulChoice.OWN,
            () -> {
              throw new AssertionError("cuBLASLt is not loaded");
            });
    times(2f, 1f);
    own.product("wgmma 128x256", ScalarType.BF16, LEFT, RIGHT, Tensor::linear);
  }

  /** What one engine measured holds for the others, and there is one library for all. */
  @Test
  void enginesOfADeviceChooseTheSame() {
    int[] loads = {0};
    DeviceProvider device =
        TestProviders.over(
            hopper,
            d ->
                new CudaKernels(
                    d,
                    MatMulChoice.AUTO,
                    () -> {
                      loads[0]++;
                      return STUB.get();
                    }));
    times(4f, 3f, 1f, 2f);
    MatMulCheck first = new MatMulCheck(device);
    first.product("cublasLt #1", ScalarType.BF16, LEFT, RIGHT, Tensor::linear);
    times(1f, 2f, 3f, 4f);
    MatMulCheck second = new MatMulCheck(device);
    second.product("cublasLt #1", ScalarType.BF16, LEFT, RIGHT, Tensor::linear);
    assertEquals(4 * Stopwatch.RUNS, hopper.times.size(), "a shape is measured once");
    assertEquals(1, loads[0]);
  }

  @Test
  void enginesOfADeviceThatChooseAmongOthersMeasureForThemselves() {
    DeviceProvider device =
        TestProviders.over(hopper, d -> new CudaKernels(d, MatMulChoice.read(), STUB));
    System.setProperty(PROPERTY, "own");
    MatMulCheck own = new MatMulCheck(device);
    times(4f, 3f);
    own.product("wgmma 128x256", ScalarType.BF16, LEFT, RIGHT, Tensor::linear);
    System.setProperty(PROPERTY, "auto");
    MatMulCheck auto = new MatMulCheck(device);
    times(4f, 3f, 1f, 2f);
    auto.product("cublasLt #1", ScalarType.BF16, LEFT, RIGHT, Tensor::linear);
  }

  @Test
  void aFusedProductIsNotMeasuredAnew() {
    MatMulCheck own = new MatMulCheck(hopper, MatMulChoice.OWN, Optional::empty);
    times(2f, 1f);
    own.product("wgmma 128x256", ScalarType.BF16, LEFT, RIGHT, Tensor::linear);
    times(1f, 2f);
    own.product(
        "wgmma 128x256", ScalarType.BF16, LEFT, RIGHT, (a, b) -> a.linear(b).add(a.concat(1, a)));
    assertEquals(2 * Stopwatch.RUNS, hopper.times.size());
  }

  @Test
  void whatCublasLtRefusesIsComputedAllTheSame() {
    long[] nk = {56, 24};
    MatMulCheck lt = new MatMulCheck(hopper, MatMulChoice.CUBLASLT, STUB);
    lt.product("wgmma 32x128", ScalarType.BF16, new long[] {20, 24}, nk, Tensor::linear);
    MatMulCheck unsuitable =
        new MatMulCheck(
            hopper,
            MatMulChoice.CUBLASLT,
            () -> {
              throw new CudaDriverException("cublasLtCreate", "CUBLAS_STATUS 1");
            });
    unsuitable.product("wgmma 32x128", ScalarType.F16, new long[] {20, 24}, nk, Tensor::linear);
  }

  /** The library's handle, and what it works in, end with the use of the device. */
  @Test
  void nothingOfCublasLtOutlivesTheDevice() {
    int before = handles();
    CudaDevice[] opened = {null};
    MatMulCheck lt =
        new MatMulCheck(
            TestProviders.over(
                hopper,
                d -> {
                  opened[0] = d;
                  return new CudaKernels(d, MatMulChoice.CUBLASLT, STUB);
                }));
    lt.product("cublasLt #1", ScalarType.BF16, LEFT, RIGHT, Tensor::linear);
    assertEquals(before + 1, handles());
    opened[0].context().close();
    assertEquals(before, handles());
  }

  @SuppressWarnings("restricted")
  private static int handles() {
    return StubLibrary.symbols()
        .findOrThrow("quern_stub_lt_handles")
        .reinterpret(Integer.BYTES)
        .get(ValueLayout.JAVA_INT, 0);
  }

  /** What the driver doesn't describe to the copy engine is computed without it. */
  @Test
  void refusedTensorMapsAreNoFailure() {
    EmulatedDriver refusing = new EmulatedDriver(Emulation.library(), 9);
    refusing.refusesTensorMaps = true;
    MatMulCheck own = new MatMulCheck(refusing, MatMulChoice.OWN, Optional::empty);
    own.product("mma", ScalarType.BF16, LEFT, RIGHT, Tensor::linear);
    own.product(
        "mma",
        ScalarType.BF16,
        new long[] {40, 24},
        new long[] {16, 24},
        (a, b) -> a.cast(ScalarType.F32).linear(b));
  }

  @Test
  void aRefusedCallIsNoCandidate() {
    NamedRunnable a = new NamedRunnable("a", () -> {});
    NamedRunnable b = new NamedRunnable("b", () -> {});
    Tuner tuner =
        new Tuner(
            work -> {
              if (work.equals(a)) {
                throw new CudaDriverException("cublasLtMatmul", "CUBLAS_STATUS 15");
              }
              return 1;
            },
            () -> true);
    assertEquals(b, tuner.choose("shape", List.of(a, b)));
    assertThrows(CudaDriverException.class, () -> tuner.choose("other", List.of(a, a)));
  }

  @Test
  void nothingIsMeasuredWhereItCantRun() {
    List<Runnable> measured = new ArrayList<>();
    boolean[] can = {false};
    Tuner tuner =
        new Tuner(
            work -> {
              measured.add(work);
              return -measured.size();
            },
            () -> can[0]);
    NamedRunnable a = new NamedRunnable("a", () -> {});
    NamedRunnable b = new NamedRunnable("b", () -> {});
    assertEquals(a, tuner.choose("shape", List.of(a, b)));
    assertEquals(a, tuner.choose("shape", List.of(a)));
    assertTrue(measured.isEmpty());
    can[0] = true;
    assertEquals(b, tuner.choose("shape", List.of(a, b)));
    can[0] = false;
    assertEquals(b, tuner.choose("shape", List.of(a, b)), "known");
    assertEquals(a, tuner.choose("shape", List.of(a)), "what was the fastest is not there");
    assertEquals(List.of(a, b), measured);
  }
}

package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.type.Device;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.kernels.cuda.TestProviders;
import java.util.Random;
import java.util.function.BinaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Products of compute capability 9.0, emulated, against the reference. Factors are small integers,
 * so that sums are exact in any order and results agree to the bit.
 */
class HopperMatMulTest {
  private static final Device CUDA = Device.cuda(0);

  private final Engine cpu = Engine.builder().kernels(new ReferenceProvider()).build();
  private final Engine cuda =
      Engine.builder()
          .kernels(new ReferenceProvider())
          .devices(TestProviders.over(new EmulatedDriver(Emulation.library(), 9), CudaKernels::new))
          .device(CUDA)
          .build();

  private static float[] integers(int seed, int n) {
    Random random = new Random(seed);
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = random.nextInt(-3, 4);
    }
    return x;
  }

  private static int size(long... dims) {
    long n = 1;
    for (long d : dims) {
      n *= d;
    }
    return (int) n;
  }

  /** The same product on both devices, in a plan that says what ran. */
  private void check(
      String ran, ScalarType type, long[] left, long[] right, BinaryOperator<Tensor> product) {
    float[] a = integers(1, size(left));
    float[] b = integers(2, size(right));
    try (TensorScope _ = TensorScope.open()) {
      float[] here =
          product
              .apply(cpu.tensor(a, left).cast(type), cpu.tensor(b, right).cast(type))
              .cast(ScalarType.F32)
              .toFloats();
      Tensor w = cuda.tensor(b, right).cast(type);
      try (Buffer x = cuda.buffer("x", TensorSpec.of(type, left))) {
        x.assign(cuda.tensor(a, left).cast(type));
        try (Plan plan =
            cuda.record(
                "product", r -> r.output("y", product.apply(x.value(), w).cast(ScalarType.F32)))) {
          assertTrue(plan.explain().contains(ran), plan::explain);
          for (int i = 0; i < 4; i++) { // each has another order of threads and of copies
            plan.run();
            assertArrayEquals(here, plan.output("y").toFloats(), "run " + i);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "128, 256, 64",
    "65, 8, 8",
    "200, 264, 200",
    "300, 520, 136",
    "129, 1032, 72",
    "700, 128, 320"
  })
  void linear(int m, int n, int k) {
    check("cuda wgmma 128x", ScalarType.BF16, new long[] {m, k}, new long[] {n, k}, Tensor::linear);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 8, 8, 32x128",
    "17, 1288, 200, 32x128",
    "33, 640, 72, 64x128",
    "64, 136, 520, 64x128"
  })
  void fewRows(int m, int n, int k, String tile) {
    check("wgmma " + tile, ScalarType.F16, new long[] {m, k}, new long[] {n, k}, Tensor::linear);
  }

  /** Operands whose rows, not k, lie together: what gradients multiply. */
  @ParameterizedTest
  @CsvSource({"128, 256, 64", "72, 136, 200", "200, 392, 72"})
  void transposedOperands(int m, int n, int k) {
    long[] mk = {m, k};
    long[] km = {k, m};
    long[] nk = {n, k};
    long[] kn = {k, n};
    check("wgmma", ScalarType.BF16, mk, kn, Tensor::matmul);
    check("wgmma", ScalarType.F16, km, kn, (a, b) -> a.transpose().matmul(b));
    check("wgmma", ScalarType.F16, km, nk, (a, b) -> a.transpose().matmul(b.transpose()));
    check("wgmma", ScalarType.BF16, mk, nk, (a, b) -> a.matmul(b.transpose()));
  }

  @Test
  void batches() {
    check(
        "wgmma", ScalarType.BF16, new long[] {3, 72, 136}, new long[] {3, 136, 24}, Tensor::matmul);
    check("wgmma", ScalarType.BF16, new long[] {3, 72, 136}, new long[] {136, 24}, Tensor::matmul);
    check("wgmma", ScalarType.F16, new long[] {72, 136}, new long[] {2, 136, 24}, Tensor::matmul);
    check("wgmma", ScalarType.F16, new long[] {2, 72, 8}, new long[] {40, 8}, Tensor::linear);
  }

  /** What the copy engine can't read goes to the kernel of all devices. */
  @Test
  void unalignedRows() {
    check(
        "linear cuda mma",
        ScalarType.BF16,
        new long[] {5, 33},
        new long[] {16, 33},
        Tensor::linear);
    check(
        "linear cuda mma",
        ScalarType.BF16,
        new long[] {5, 32},
        new long[] {17, 32},
        Tensor::linear);
    check(
        "linear cuda mma",
        ScalarType.BF16,
        new long[] {5, 40},
        new long[] {16, 32},
        (a, b) -> a.slice(1, 3, 32).linear(b));
    check(
        "linear cuda mma", ScalarType.BF16, new long[] {5, 0}, new long[] {16, 0}, Tensor::linear);
  }
}

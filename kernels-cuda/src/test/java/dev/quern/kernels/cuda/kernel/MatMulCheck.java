package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.type.Device;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.kernels.cuda.TestProviders;
import dev.quern.kernels.cuda.driver.CublasLt;
import java.util.Optional;
import java.util.Random;
import java.util.function.BinaryOperator;
import java.util.function.Supplier;

/**
 * Products on a device against the reference. Factors are small integers, so that sums are exact in
 * any order and results agree to the bit.
 */
final class MatMulCheck {
  private static final int RUNS = 4; // each has another order of threads and of copies

  private final Engine cpu = Engine.builder().kernels(new ReferenceProvider()).build();
  private final Engine cuda;

  /** Over a device of a compute capability's first number, without cuBLASLt. */
  MatMulCheck(int major) {
    this(emulated(major));
  }

  /** An emulated device of a compute capability's first number, without cuBLASLt. */
  static DeviceProvider emulated(int major) {
    return emulated(new EmulatedDriver(Emulation.library(), major));
  }

  /** An emulated device, without cuBLASLt. */
  static DeviceProvider emulated(EmulatedDriver driver) {
    return TestProviders.over(driver, d -> new CudaKernels(d, MatMulChoice.OWN, Optional::empty));
  }

  /** Over a device, with the products that are chosen. */
  MatMulCheck(EmulatedDriver driver, MatMulChoice choice, Supplier<Optional<CublasLt>> cublasLt) {
    this(TestProviders.over(driver, d -> new CudaKernels(d, choice, cublasLt)));
  }

  /** An engine of its own over a device. */
  MatMulCheck(DeviceProvider device) {
    cuda =
        Engine.builder()
            .kernels(new ReferenceProvider())
            .devices(device)
            .device(Device.cuda(0))
            .build();
  }

  private static float[] integers(int seed, long... dims) {
    int n = 1;
    for (long d : dims) {
      n *= (int) d;
    }
    Random random = new Random(seed);
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = random.nextInt(-3, 4);
    }
    return x;
  }

  /** The same product on both devices, in a plan that says what ran. */
  void product(
      String ran, ScalarType type, long[] left, long[] right, BinaryOperator<Tensor> product) {
    float[] a = integers(1, left);
    float[] b = integers(2, right);
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
          assertTrue(plan.explain().contains(" cuda " + ran), plan::explain);
          for (int i = 0; i < RUNS; i++) {
            plan.run();
            assertArrayEquals(here, plan.output("y").toFloats(), "run " + i);
          }
        }
      }
    }
  }

  /** A product of fractions, whose sums depend on their order, has the same bits on every run. */
  void repeats(ScalarType type, long[] left, long[] right, BinaryOperator<Tensor> product) {
    try (TensorScope _ = TensorScope.open()) {
      Tensor a = cuda.normal(1, left).cast(type);
      Tensor b = cuda.normal(2, right).cast(type);
      float[] first = product.apply(a, b).cast(ScalarType.F32).toFloats();
      for (int i = 1; i < RUNS; i++) {
        assertArrayEquals(first, product.apply(a, b).cast(ScalarType.F32).toFloats(), "run " + i);
      }
    }
  }
}

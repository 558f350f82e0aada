package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.type.Device;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Products of F32 activations whose precision lets them be rounded to BF16: by the kernels that
 * 16-bit operands have, with results of F32. Factors are small integers, which BF16 holds.
 */
class RoundedProductsTest {
  private static final int RUNS = 4; // each has another order of threads and of copies

  private final Engine cpu = Engine.builder().kernels(new ReferenceProvider()).build();

  private Engine engine(int major, Precision precision) {
    return engine(device(major), precision);
  }

  private static Engine engine(DeviceProvider device, Precision precision) {
    return Engine.builder()
        .precision(precision)
        .kernels(new ReferenceProvider())
        .devices(device)
        .device(Device.cuda(0))
        .build();
  }

  /** A device of a compute capability's first number, with Quern's own products. */
  DeviceProvider device(int major) {
    return MatMulCheck.emulated(major);
  }

  private static Tensor integers(Engine e, int seed, long... dims) {
    int n = 1;
    for (long d : dims) {
      n *= (int) d;
    }
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = Math.floorMod(i * 31 + seed * 7 + i / 5, 5) - 2;
    }
    return e.tensor(x, dims);
  }

  private void check(
      Engine cuda, String ran, Tensor x, UnaryOperator<Tensor> product, float[] expected) {
    try (Buffer in = cuda.buffer("x", TensorSpec.of(x.dtype(), x.shape().dims()))) {
      in.assign(x);
      try (Plan plan = cuda.record("product", r -> r.output("y", product.apply(in.value())))) {
        assertTrue(plan.explain().contains(" cuda " + ran), plan::explain);
        for (int i = 0; i < RUNS; i++) {
          plan.run();
          assertArrayEquals(expected, plan.output("y").toFloats(), "run " + i);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "9, AUTO, BF16, 1, 72, 136, mma 8x",
    "8, FAST, BF16, 5, 24, 1032, mma 8x",
    "8, AUTO, BF16, 13, 41, 264, mma 16x",
    "9, BF16, F32, 3, 72, 136, mma 8x",
    "9, BF16, F16, 16, 20, 72, mma 16x",
    "9, AUTO, BF16, 17, 72, 136, wgmma 32x128",
    "9, AUTO, BF16, 50, 196, 72, wgmma 64x128",
    "9, FAST, BF16, 130, 260, 72, wgmma 128x",
    "9, BF16, F32, 150, 132, 40, wgmma 128x",
    "9, BF16, F16, 70, 44, 200, wgmma 128x",
    "9, AUTO, BF16, 70, 44, 201, mma",
    "8, AUTO, BF16, 70, 44, 201, mma",
    "8, AUTO, BF16, 70, 136, 200, mma 32x32",
    "8, BF16, F32, 30, 44, 72, mma 32x32",
    "9, EXACT, BF16, 20, 44, 200, exact",
    "9, FAST, F16, 20, 44, 200, exact",
    "9, AUTO, F32, 20, 44, 200, exact",
    "9, AUTO, F16, 1, 72, 136, exact 1x4",
    "8, FAST, F16, 3, 41, 1032, exact 4x4",
    "8, AUTO, F16, 16, 18, 2056, exact 8x4",
    "8, AUTO, F32, 11, 24, 264, exact 8x4",
    "9, EXACT, BF16, 5, 3, 40, exact 8x4",
    "9, EXACT, BF16, 5, 3, 41, exact"
  })
  void linear(int major, Precision precision, ScalarType w, int m, int n, int k, String ran) {
    try (Engine cuda = engine(major, precision);
        TensorScope _ = TensorScope.open()) {
      float[] expected =
          integers(cpu, 1, m, k).linear(integers(cpu, 2, n, k), integers(cpu, 3, n)).toFloats();
      Tensor weight = integers(cuda, 2, n, k).cast(w);
      Tensor bias = integers(cuda, 3, n);
      check(cuda, ran, integers(cuda, 1, m, k), x -> x.linear(weight, bias), expected);
    }
  }

  /** Bits that BF16 doesn't have: of F16 weights and of the activations that meet them. */
  @Test
  void f16WeightsOfFewRowsKeepTheirBits() {
    float[] x = {1 + 0x1p-20f, 3 - 0x1p-19f, 0, 0, 0, 0, 0, 0};
    float[] w = {1 + 0x1p-10f, -0x1p-24f, 0, 0, 0, 0, 0, 0};
    float exact = Math.fma(x[0], w[0], x[1] * w[1]);
    try (Engine cuda = engine(9, Precision.AUTO);
        TensorScope _ = TensorScope.open()) {
      Tensor weight = cuda.tensor(w, 1, 8).cast(ScalarType.F16);
      assertArrayEquals(new float[] {exact}, cuda.tensor(x, 1, 8).linear(weight).toFloats());
    }
  }

  @Test
  void batchesOfFewRowsKeepTheirBits() {
    try (Engine cuda = engine(9, Precision.EXACT);
        TensorScope _ = TensorScope.open()) {
      float[] expected =
          integers(cpu, 1, 2, 3, 5, 24).matmul(integers(cpu, 2, 3, 7, 24).transpose()).toFloats();
      Tensor w = integers(cuda, 2, 3, 7, 24);
      Tensor x = integers(cuda, 1, 2, 3, 5, 24);
      check(cuda, "exact 8x4", x, a -> a.matmul(w.transpose()), expected);
    }
  }

  /** A layer's gradients: the left operand, and then both, have their rows together in memory. */
  @Test
  void gradientsOfALayerReachTheTensorCores() {
    try (Engine cuda = engine(9, Precision.BF16);
        TensorScope _ = TensorScope.open()) {
      float[] slope = integers(cpu, 1, 72, 136).matmul(integers(cpu, 2, 136, 40)).toFloats();
      Tensor weight = integers(cuda, 2, 136, 40);
      check(cuda, "wgmma 128x", integers(cuda, 1, 72, 136), dy -> dy.matmul(weight), slope);
      float[] ofWeight =
          integers(cpu, 1, 72, 136).transpose().matmul(integers(cpu, 4, 72, 40)).toFloats();
      Tensor x = integers(cuda, 4, 72, 40);
      check(
          cuda, "wgmma 128x", integers(cuda, 1, 72, 136), dy -> dy.transpose().matmul(x), ofWeight);
      float[] batch =
          integers(cpu, 1, 3, 20, 24).matmul(integers(cpu, 5, 3, 40, 24).transpose()).toFloats();
      Tensor keys = integers(cuda, 5, 3, 40, 24);
      check(
          cuda,
          "wgmma 32x128",
          integers(cuda, 1, 3, 20, 24),
          q -> q.matmul(keys.transpose()),
          batch);
    }
  }

  /** Fractions, so that another rounding, or another order of sums, would show. */
  @ParameterizedTest
  @CsvSource({"9, 3", "9, 24", "9, 200", "8, 24"})
  void fusedProductsHaveTheBitsOfTheirParts(int major, int m) {
    int k = 72;
    int n = 136;
    try (Engine cuda = engine(major, Precision.AUTO);
        TensorScope _ = TensorScope.open()) {
      Tensor x = cuda.normal(1, m, k);
      Tensor w = cuda.normal(2, n, k).cast(ScalarType.BF16);
      Tensor up = cuda.normal(3, n, k).cast(ScalarType.BF16);
      Tensor down = cuda.normal(4, k, n).cast(ScalarType.BF16);
      Tensor r = cuda.normal(5, m, n);
      same(cuda, new FusedOp.LinearAdd(false), x, w, r);
      same(cuda, new FusedOp.Linears(3, false), x, w, up, w);
      same(cuda, new FusedOp.GatedFeedForward(new BinaryOp.SwiGlu(), false), x, w, up, down);
      same(cuda, new FusedOp.GatedFeedForward(new BinaryOp.SwiGlu(), true), x, w, up, down, x);
    }
  }

  /** What the last product would round comes rounded from the one before. */
  @Test
  void aFeedForwardLayerRoundsItsInnerValuesWhereTheyAreMade() {
    EmulatedDriver driver = new EmulatedDriver(Emulation.library(), 9);
    FusedOp op = new FusedOp.GatedFeedForward(new BinaryOp.SwiGlu(), true);
    try (Engine cuda = engine(MatMulCheck.emulated(driver), Precision.AUTO);
        TensorScope _ = TensorScope.open()) {
      Tensor x = cuda.normal(1, 24, 72);
      Tensor w = cuda.normal(2, 136, 72).cast(ScalarType.BF16);
      Tensor down = cuda.normal(3, 72, 136).cast(ScalarType.BF16);
      long before = driver.launches();
      cuda.apply(op, List.of(x, w, w, down, x));
      assertEquals(4, driver.launches() - before, "a cast and three products");
    }
  }

  /** Weights that are rounded too, and one of them used twice, or read by another kernel. */
  @ParameterizedTest
  @CsvSource({"9, 24, 136", "9, 200, 72", "9, 24, 133", "8, 24, 136"})
  void feedForwardLayersOfRoundedWeightsHaveTheBitsOfTheirParts(int major, int m, int n) {
    int k = 72;
    FusedOp op = new FusedOp.GatedFeedForward(new BinaryOp.GeGlu(true), false);
    try (Engine cuda = engine(major, Precision.BF16);
        TensorScope _ = TensorScope.open()) {
      Tensor x = cuda.normal(1, m, k);
      Tensor gate = cuda.normal(2, n, k);
      Tensor up = cuda.normal(3, n, k);
      same(cuda, op, x, gate, up, n == k ? up : cuda.normal(4, k, n));
    }
  }

  private static void same(Engine cuda, FusedOp op, Tensor... in) {
    List<Tensor> parts = op.decompose(List.of(in));
    for (int run = 0; run < RUNS; run++) {
      List<Tensor> whole = cuda.apply(op, List.of(in));
      for (int i = 0; i < parts.size(); i++) {
        assertArrayEquals(parts.get(i).toFloats(), whole.get(i).toFloats(), op + " run " + run);
      }
    }
  }
}

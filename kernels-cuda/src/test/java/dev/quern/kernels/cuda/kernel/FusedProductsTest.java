package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.FusedProduct;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.plan.Plan;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.type.Device;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Fused products, emulated and on a GPU: the bits of their parts, on devices with kernels of their
 * own or not.
 */
class FusedProductsTest {
  private static final Device CUDA = Device.cuda(0);
  private static final int MOST_RUNS = 4; // each with another order of threads and of copies

  private Engine cuda;
  private int seed;

  private Tensor random(ScalarType type, long... dims) {
    return cuda.normal(++seed, dims).mul(0.25f).cast(type);
  }

  private void check(Op op, Tensor... in) {
    List<Tensor> parts = op.decompose(List.of(in));
    for (int run = 0; run < MOST_RUNS; run++) {
      List<Tensor> whole = cuda.apply(op, List.of(in));
      for (int i = 0; i < parts.size(); i++) {
        assertArrayEquals(
            parts.get(i).cast(ScalarType.F32).toFloats(),
            whole.get(i).cast(ScalarType.F32).toFloats(),
            op + " output " + i + " run " + run);
      }
    }
  }

  private void open(int major) {
    cuda =
        Engine.builder()
            .kernels(new ReferenceProvider())
            .devices(device(major))
            .device(CUDA)
            .build();
  }

  /** A device of a compute capability's first number, with Quern's own products. */
  DeviceProvider device(int major) {
    return MatMulCheck.emulated(major);
  }

  @Test
  void plansPutThemInThePlaceOfTheirParts() {
    open(9);
    try (TensorScope _ = TensorScope.open();
        Buffer x = cuda.buffer("x", TensorSpec.of(ScalarType.BF16, 200, 72))) {
      x.assign(random(ScalarType.BF16, 200, 72));
      Tensor gate = random(ScalarType.BF16, 136, 72);
      Tensor up = random(ScalarType.BF16, 136, 72);
      Tensor down = random(ScalarType.BF16, 72, 136);
      try (Plan plan =
          cuda.record(
              "layer",
              r -> {
                Tensor h = x.value().relu();
                r.output("y", h.linear(gate).swiGlu(h.linear(up)).linear(down).add(h));
              })) {
        assertEquals(2, plan.size(), plan.explain());
        assertTrue(plan.explain().contains("cuda wgmma 128x"), plan.explain());
        plan.run();
        Tensor h = x.value().relu();
        assertArrayEquals(
            h.linear(gate).swiGlu(h.linear(up)).linear(down).add(h).cast(ScalarType.F32).toFloats(),
            plan.output("y").cast(ScalarType.F32).toFloats());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "9, BF16, 200, 136, 72",
    "9, F16, 24, 136, 72",
    "9, BF16, 130, 264, 40",
    "8, BF16, 20, 136, 72",
    "8, F32, 5, 33, 17",
    "9, F32, 5, 40, 24",
    "8, F64, 3, 7, 9"
  })
  void wholesHaveTheBitsOfTheirParts(int major, ScalarType type, int m, int n, int k) {
    open(major);
    try (TensorScope _ = TensorScope.open()) {
      Tensor x = random(type, m, k);
      Tensor w = random(type, n, k);
      Tensor bias = random(type, n);
      Tensor r = random(type, m, n);
      check(new FusedOp.LinearAdd(false), x, w, r);
      check(new FusedOp.LinearAdd(true), x, w, bias, r);
      check(new FusedOp.Linears(2, true), x, w, random(type, 8, k), bias, random(type, 8));
      check(new FusedProduct.MatMulMul(), x, w.transpose(), r);
      Tensor y = random(type, m, k);
      check(new FusedProduct.MatMulSum(2), x, w.transpose(), y, random(type, k, n));
      check(
          new FusedProduct.MatMulSum(3),
          x,
          w.transpose(),
          y,
          random(type, k, n),
          r,
          random(type, n, n));
      for (BinaryOp gate :
          List.of(new BinaryOp.SwiGlu(), new BinaryOp.GeGlu(false), new BinaryOp.GeGlu(true))) {
        Tensor down = random(type, k, n);
        check(new FusedOp.GatedFeedForward(gate, false), x, w, random(type, n, k), down);
        check(new FusedOp.GatedFeedForward(gate, true), x, w, random(type, n, k), down, x);
      }
      check(
          new FusedProduct.LinearActivation(
              new UnaryOp.Silu(), new ActivationGradOp.SiluGrad(), true),
          x,
          w,
          bias);
      for (boolean tanh : new boolean[] {false, true}) {
        check(
            new FusedProduct.LinearActivation(
                new UnaryOp.Gelu(tanh), new ActivationGradOp.GeluGrad(tanh), false),
            x,
            w);
      }
    }
  }

  /** 8-bit factors, whose results and what is added to them are F32. */
  @ParameterizedTest
  @CsvSource({"9, 200, 136, 80", "9, 24, 17, 33", "8, 20, 136, 72"})
  void wholesOfEightBits(int major, int m, int n, int k) {
    open(major);
    try (TensorScope _ = TensorScope.open()) {
      ScalarType eight = ScalarType.F8_E4M3;
      Tensor x = random(eight, m, k);
      Tensor w = random(eight, n, k);
      Tensor bias = random(ScalarType.F32, n);
      Tensor r = random(ScalarType.F32, m, n);
      check(new FusedOp.LinearAdd(true), x, w, bias, r);
      check(new FusedOp.LinearAdd(false), x.cast(ScalarType.F32), w, r);
      check(new FusedOp.Linears(2, false), x, w, random(eight, 8, k));
      check(new FusedProduct.MatMulMul(), x, w.transpose(), r);
      check(
          new FusedProduct.LinearActivation(
              new UnaryOp.Silu(), new ActivationGradOp.SiluGrad(), true),
          x,
          w,
          bias);
    }
  }

  /** Its hidden layer is wider than its input, which the kernel of the whole has no room for. */
  @Test
  void aFeedForwardLayerOfEightBitsStaysInParts() {
    open(9);
    ScalarType eight = ScalarType.F8_E4M3;
    try (TensorScope _ = TensorScope.open();
        Buffer x = cuda.buffer("x", TensorSpec.of(eight, 20, 80))) {
      x.assign(random(eight, 20, 80));
      Tensor gate = random(eight, 136, 80);
      Tensor up = random(eight, 136, 80);
      Tensor down = random(eight, 80, 136);
      try (Plan plan =
          cuda.record(
              "layer",
              r ->
                  r.output(
                      "y", x.value().linear(gate).swiGlu(x.value().linear(up)).linear(down)))) {
        assertFalse(plan.explain().contains("gatedFeedForward"), plan.explain());
        plan.run();
        Tensor hidden = x.value().linear(gate).swiGlu(x.value().linear(up));
        assertArrayEquals(hidden.linear(down).toFloats(), plan.output("y").toFloats());
      }
    }
  }
}

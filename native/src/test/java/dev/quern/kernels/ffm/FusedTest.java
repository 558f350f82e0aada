package dev.quern.kernels.ffm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Fused calls have the bits of their parts, in every tier, format and precision. */
class FusedTest {
  private static final List<DType> FORMATS =
      List.of(
          ScalarType.F32,
          ScalarType.F16,
          ScalarType.BF16,
          BlockType.Q8_0,
          BlockType.Q4_0,
          BlockType.Q4_K,
          BlockType.Q6_K,
          BlockType.Q5_0,
          BlockType.Q5_K,
          BlockType.Q3_K,
          BlockType.IQ4_NL);

  private record Network(Tensor a, Tensor b, Tensor c, Tensor d, Tensor bias, int gate) {
    /** Siblings of two formats, two residuals, and a gated layer with each gate. */
    Tensor of(Tensor x) {
      Tensor h = x.linear(a).mul(x.linear(b)).add(x.linear(d));
      Tensor r = x.add(h.linear(b, bias));
      Tensor g = r.linear(a);
      Tensor u = r.linear(b);
      Tensor gated =
          switch (gate) {
            case 0 -> g.swiGlu(u);
            case 1 -> g.geGlu(u, true);
            default -> g.geGlu(u, false);
          };
      return gated.linear(c).add(r);
    }
  }

  private void check(Functions tier, DType format, Precision precision, int m, int gate) {
    int k = format.blockLength() == 256 ? 512 : 96;
    try (TensorScope _ = TensorScope.open();
        Engine engine =
            Engine.builder()
                .kernels(new NativeConformanceTest.Capped(tier))
                .precision(precision)
                .threads(2)
                .build()) {
      Tensor a = engine.normal(1, k, k).mul(0.1).cast(format);
      Tensor b = engine.normal(2, k, k).mul(0.1).cast(format);
      Tensor c = engine.normal(3, k, k).mul(0.1).cast(format);
      Tensor d = engine.normal(4, k, k).mul(0.1).cast(ScalarType.BF16);
      Network network = new Network(a, b, c, d, engine.normal(5, k), gate);
      Tensor x = engine.normal(6, 1, m, k);
      float[] expected = network.of(x).toFloats();
      TensorSpec one = TensorSpec.of(ScalarType.F32, 1);
      try (Plan plan =
          engine.record("p", r -> r.output("y", network.of(x.mul(r.slot("one", one)))))) {
        plan.slot("one").set(new float[] {1});
        plan.run();
        String what = plan.explain() + " m=" + m;
        assertTrue(what.contains("gatedFeedForward") && what.contains("linearAdd"), what);
        assertTrue(precision == Precision.AUTO || what.contains("linears"), what);
        assertArrayEquals(expected, plan.output("y").toFloats(), what);
      }
    }
  }

  @Test
  void theBitsOfTheParts() {
    int gate = 0;
    for (Functions tier : Harness.tiers()) {
      for (DType format : FORMATS) {
        for (Precision precision : List.of(Precision.EXACT, Precision.FAST, Precision.BF16)) {
          for (int m : new int[] {1, 3, 8, 17, 40}) {
            check(tier, format, precision, m, gate++ % 3);
          }
        }
      }
    }
  }

  /** Gradients of a block, and the square of one's norm; x is a value of the plan. */
  private record Training(
      Buffer first, Tensor a, Tensor b, Tensor c, Tensor weight, int activation) {
    List<Tensor> of(Engine engine, Tensor x) {
      try (Tape tape = engine.tape()) {
        tape.watch(first);
        Tensor h = x.linear(first.value());
        Tensor n = h.layerNorm(weight, weight, 1e-5f);
        Tensor y = h.add(n.linear(a).mul(n.linear(b)).mul(n.linear(c)));
        Tensor inner = y.linear(a, weight);
        Tensor f =
            switch (activation) {
              case 0 -> inner.silu();
              case 1 -> inner.geluTanh();
              default -> inner.gelu();
            };
        y = y.add(f.linear(b, weight));
        Tensor g = tape.backward(y.mul(y).mean()).of(first);
        return List.of(g, g.mul(g).sum());
      }
    }
  }

  private void checkTraining(
      Functions tier, Precision precision, int m, int k, int threads, int activation) {
    try (TensorScope _ = TensorScope.open();
        Engine engine =
            Engine.builder()
                .kernels(new NativeConformanceTest.Capped(tier))
                .precision(precision)
                .threads(threads)
                .build();
        Buffer first = engine.buffer("w", TensorSpec.of(ScalarType.F32, k, k))) {
      first.assign(engine.normal(1, k, k).mul(0.1));
      Training training =
          new Training(
              first,
              engine.normal(2, k, k).mul(0.1),
              engine.normal(3, k, k).mul(0.1),
              engine.normal(4, k, k).mul(0.1),
              engine.normal(5, k),
              activation);
      Tensor x = engine.normal(6, 1, m, k);
      List<Tensor> expected = training.of(engine, x);
      TensorSpec one = TensorSpec.of(ScalarType.F32, 1);
      try (Plan plan =
          engine.record(
              "p",
              r -> {
                List<Tensor> out = training.of(engine, x.mul(r.slot("one", one)));
                r.output("gradient", out.get(0));
                r.output("squares", out.get(1));
              })) {
        plan.slot("one").set(new float[] {1});
        plan.run();
        String what = plan.explain() + " m=" + m;
        assertTrue(what.contains("normGradAdd") && what.contains("squareSum"), what);
        boolean tiles = tier.find("gemm_bf16_f32").isPresent();
        for (String name : List.of("matMulSum", "linearActivation", "matMulMul")) {
          assertEquals(tiles && precision == Precision.BF16, what.contains(name), what);
        }
        assertArrayEquals(expected.get(0).toFloats(), plan.output("gradient").toFloats(), what);
        assertArrayEquals(expected.get(1).toFloats(), plan.output("squares").toFloats(), what);
      }
    }
  }

  @Test
  void theBitsOfTheirPartsInTraining() {
    for (Functions tier : Harness.tiers()) {
      for (Precision precision : List.of(Precision.EXACT, Precision.BF16)) {
        for (int activation = 0; activation < 3; activation++) {
          checkTraining(tier, precision, 5, 24, 2, activation); // products not in tiles
          checkTraining(tier, precision, 300, 40, 1, activation);
        }
        checkTraining(tier, precision, 1100, 96, 3, 1); // slices of rows
      }
    }
  }

  @Test
  void moreRowsThanASlice() {
    check(Harness.tiers().getLast(), BlockType.Q8_0, Precision.FAST, 600, 0);
    check(Harness.tiers().getLast(), ScalarType.F32, Precision.EXACT, 600, 0);
    check(Harness.tiers().getLast(), ScalarType.F32, Precision.BF16, 600, 0);
  }
}

package dev.quern.kernels.ffm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
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

  @Test
  void moreRowsThanASlice() {
    check(Harness.tiers().getLast(), BlockType.Q8_0, Precision.FAST, 600, 0);
    check(Harness.tiers().getLast(), ScalarType.F32, Precision.EXACT, 600, 0);
    check(Harness.tiers().getLast(), ScalarType.F32, Precision.BF16, 600, 0);
  }
}

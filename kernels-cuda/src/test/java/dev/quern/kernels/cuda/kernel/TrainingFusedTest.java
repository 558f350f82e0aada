package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Fused calls of a training step have the bits of their parts, emulated and on a GPU. */
class TrainingFusedTest {
  private record Step(Engine engine, Buffer first, Tensor weight, boolean centred) {
    /** The gradient of a residual block that begins with a norm, and the square of its norm. */
    List<Tensor> of(Tensor x) {
      try (Tape tape = engine.tape()) {
        tape.watch(first);
        Tensor h = x.linear(first.value());
        Tensor n = centred ? h.layerNorm(weight, weight, 1e-5f) : h.rmsNorm(weight, 1e-5f);
        Tensor y = h.add(n.mul(n));
        Tensor g = tape.backward(y.mul(y).mean()).of(first);
        return List.of(g, g.mul(g).sum());
      }
    }
  }

  private static void check(Engine engine, ScalarType type, int m, int k, boolean centred) {
    try (TensorScope _ = TensorScope.open();
        Buffer first = engine.buffer("w", TensorSpec.of(type, k, k))) {
      first.assign(engine.normal(1, k, k).mul(0.1).cast(type));
      Step step = new Step(engine, first, engine.normal(5, k).cast(type), centred);
      Tensor x = engine.normal(6, 1, m, k).cast(type);
      List<Tensor> expected = step.of(x);
      TensorSpec one = TensorSpec.of(ScalarType.F32, 1);
      try (Plan plan =
          engine.record(
              "p",
              r -> {
                List<Tensor> out = step.of(x.mul(r.slot("one", one).cast(type)));
                r.output("gradient", out.get(0));
                r.output("squares", out.get(1));
              })) {
        plan.slot("one").set(new float[] {1});
        plan.run();
        String what = plan.explain() + " m=" + m;
        assertTrue(what.contains("normGradAdd") && what.contains("squareSum"), what);
        assertArrayEquals(expected.get(0).toFloats(), plan.output("gradient").toFloats(), what);
        assertArrayEquals(expected.get(1).toFloats(), plan.output("squares").toFloats(), what);
      }
    }
  }

  Engine engine() {
    return EmulatedDevice.engine(Engine.builder());
  }

  @Test
  void theBitsOfTheParts() {
    try (Engine engine = engine()) {
      check(engine, ScalarType.F32, 5, 33, true);
      check(engine, ScalarType.BF16, 9, 64, false);
      check(engine, ScalarType.F32, 300, 96, false); // slices of rows and of the sum
    }
  }
}

package dev.quern.transformer.train.optimizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LossScaleTest {
  @Test
  void growsAfterGoodStepsAndIsHalvedByASkippedOne() {
    LossScale s = LossScale.dynamic(16, 3);
    s = s.next(true).next(true);
    assertEquals(16, s.scale());
    s = s.next(true);
    assertEquals(new LossScale(32, 2, 0.5, 3, 0), s);
    s = s.next(true).next(true).next(false);
    assertEquals(new LossScale(16, 2, 0.5, 3, 0), s, "counting begins again");
  }

  @Test
  void aFixedOneStays() {
    LossScale s = LossScale.fixed(1024);
    assertEquals(1024, s.next(true).next(false).next(true).scale());
  }

  /** Gradients in F16, which are infinite at first and vanish without a scale. */
  @Test
  void trainsWithGradientsInHalfPrecision() {
    assertEquals(1, error(LossScale.fixed(1)), "without a scale nothing moves");
    assertEquals(0, error(LossScale.dynamic(0x1p40, 50)), 1e-3);
  }

  /** What is left of an error of 1 whose gradients are too small for F16. */
  private static double error(LossScale first) {
    Engine engine = Engine.builder().kernels().threads(1).build();
    LossScale scale = first;
    try (Buffer w = engine.buffer("w", TensorSpec.of(ScalarType.F32, 1));
        ParameterUpdates updates =
            ParameterUpdates.of(engine, new Sgd(0, 0, false, 0), Map.of("w", w))
                .lossScaling()
                .skippingNonFinite()
                .build()) {
      long step = 1;
      int skipped = 0;
      for (int i = 0; i < 100; i++) {
        try (TensorScope _ = TensorScope.open();
            Tape tape = engine.tape()) {
          tape.watch(w);
          Tensor half = w.value().cast(ScalarType.F16).mul(1e-4); // its gradient is 1e-8 · error
          Tensor off = half.cast(ScalarType.F32).sub(1e-4f);
          Tensor loss = off.mul(off).mul(0.5).sum().mul(scale.scale());
          double norm =
              updates.step(
                  updates.of(tape.backward(loss)),
                  new StepSettings(step, 2e7, Double.NaN, scale.scale()));
          boolean applied = Double.isFinite(norm);
          step += applied ? 1 : 0;
          skipped += applied ? 0 : 1;
          scale = scale.next(applied);
        }
      }
      assertEquals(first.growth() > 1, skipped > 0, skipped + " steps were skipped");
      return Math.abs(w.value().item() - 1);
    }
  }

  @Test
  void staysInRange() {
    LossScale low = LossScale.dynamic();
    LossScale high = LossScale.dynamic(1, 1);
    for (int i = 0; i < 300; i++) {
      low = low.next(false);
      high = high.next(true);
    }
    assertEquals(0x1p-60, low.scale());
    assertEquals(0x1p60, high.scale());
    assertThrows(OptimizerException.class, () -> LossScale.fixed(0));
    assertThrows(OptimizerException.class, () -> LossScale.fixed(Double.NaN));
  }
}

package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Engines;
import org.junit.jupiter.api.Test;

class TensorSamplingTest {

  /** Divided by a temperature, neighbours may be the same F32; the larger one stays the larger. */
  @Test
  void neighbouringLogitsKeepTheirOrder() {
    SamplingOptions best = SamplingOptions.of(0.8, 1).withCuts(1, 1, 0);
    int rows = 64;
    float[] logits = new float[2 * rows];
    float x = 1.9f;
    for (int i = 0; i < rows; i++) {
      logits[2 * i] = x;
      x = Math.nextUp(x);
      logits[2 * i + 1] = x;
    }
    try (Engine engine = Engines.of("reference", Precision.AUTO);
        LogitAdjustment none = new LogitAdjustment(engine, best, rows, 2, 1);
        TensorScope _ = TensorScope.open()) {
      Tensor uniform = engine.tensor(new float[rows], rows, 1).cast(ScalarType.F64);
      Tensor chosen = TensorSampling.choose(engine.tensor(logits, rows, 2), best, uniform, none);
      for (float id : chosen.cast(ScalarType.F32).toFloats()) {
        assertEquals(1, id);
      }
    }
  }
}

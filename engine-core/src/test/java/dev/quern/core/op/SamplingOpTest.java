package dev.quern.core.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.SamplingOp.Sample;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import org.junit.jupiter.api.Test;

class SamplingOpTest {
  private static final Sample ANY = new Sample(1, 0, 1, 0);

  private final Engine engine = Engine.builder().kernels().build();

  private static void refuses(Class<? extends RuntimeException> type, String part, Runnable call) {
    RuntimeException e = assertThrows(type, call::run);
    assertTrue(e.getMessage().contains(part), e::getMessage);
  }

  private static void infers(
      Class<? extends RuntimeException> type, String part, TensorSpec logits, TensorSpec uniform) {
    refuses(type, part, () -> ANY.infer(List.of(logits, uniform)));
  }

  @Test
  void attributesOutOfRangeAreRefusedByName() {
    Class<IllegalArgumentException> type = IllegalArgumentException.class;
    for (double t : new double[] {-1, Double.NaN, Double.POSITIVE_INFINITY}) {
      refuses(type, "[sample] 'temperature' is " + t, () -> new Sample(t, 0, 1, 0));
    }
    refuses(type, "[sample] 'topK'", () -> new Sample(1, -1, 1, 0));
    refuses(type, "[sample] 'topP'", () -> new Sample(1, 0, 0, 0));
    refuses(type, "[sample] 'topP'", () -> new Sample(1, 0, 1.5, 0));
    refuses(type, "[sample] 'minP'", () -> new Sample(1, 0, 1, Double.NaN));
  }

  @Test
  void inputsThatDontFitAreRefused() {
    TensorSpec logits = TensorSpec.of(ScalarType.F32, 3, 7);
    TensorSpec uniform = TensorSpec.of(ScalarType.F64, 3, 1);
    assertEquals(List.of(TensorSpec.of(ScalarType.I64, 3, 1)), ANY.infer(List.of(logits, uniform)));
    infers(DTypeException.class, "logits", TensorSpec.of(ScalarType.BF16, 3, 7), uniform);
    infers(DTypeException.class, "uniform", logits, TensorSpec.of(ScalarType.F32, 3, 1));
    infers(ShapeException.class, "uniform", logits, TensorSpec.of(ScalarType.F64, 3));
    infers(ShapeException.class, "at least one", TensorSpec.of(ScalarType.F32, 3, 0), uniform);
    infers(ShapeException.class, "reshape", TensorSpec.of(ScalarType.F32, 3, 1, 7), uniform);
  }

  /** Rounded to F32 these two are one score. */
  @Test
  void f64IsRankedAsItIs() {
    double[] logits = {1, 1 + 0x1p-40, 0};
    try (TensorScope _ = TensorScope.open()) {
      Tensor x = engine.tensor(logits, 1, 3);
      Tensor u = engine.tensor(new double[] {0.9}, 1, 1);
      Sample best = new Sample(1, 1, 1, 0);
      assertArrayEquals(new long[] {1}, x.sample(u, best).toLongs());
      assertArrayEquals(
          new long[] {1}, best.decompose(List.of(x, u)).getFirst().contiguous().toLongs());
    }
  }
}

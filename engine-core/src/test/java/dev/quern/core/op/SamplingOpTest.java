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

  /** Each step of a model sorts its vocabulary: numbers for each token, and no object. */
  @Test
  void ranksAreFoundWithoutAnObjectForEachToken() throws Throwable {
    int vocabulary = 100_000;
    float[] logits = new float[vocabulary];
    for (int i = 0; i < vocabulary; i++) {
      logits[i] = i * 7919 % 1000 / 100f;
    }
    try (Engine alone = Engine.builder().threads(1).kernels().build();
        TensorScope _ = TensorScope.open()) {
      Tensor x = alone.tensor(logits, 1, vocabulary);
      Tensor u = alone.tensor(new double[] {0.5}, 1, 1);
      Sample cut = new Sample(1, 0, 0.9, 0.001);
      long before = allocated();
      x.sample(u, cut);
      long each = (allocated() - before) / vocabulary;
      assertTrue(each < 48, each + " bytes for each token");
    }
  }

  /** Heap that this thread has allocated; by reflection, since no module of ours needs it. */
  private static long allocated() throws Throwable {
    Object bean =
        Class.forName("java.lang.management.ManagementFactory")
            .getMethod("getThreadMXBean")
            .invoke(null);
    return (long)
        Class.forName("com.sun.management.ThreadMXBean")
            .getMethod("getCurrentThreadAllocatedBytes")
            .invoke(bean);
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

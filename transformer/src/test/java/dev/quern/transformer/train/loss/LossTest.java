package dev.quern.transformer.train.loss;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LossTest {
  private final Engine engine = Engine.builder().kernels().threads(1).build();

  @Test
  void aLossOfOnesOwnIsALambda() {
    Loss own =
        (outputs, batch) ->
            outputs.get("y").sub(batch.get("labels").cast(ScalarType.F32)).abs().max();
    Tensor y = engine.tensor(new float[] {1, 5, 3});
    Tensor labels = engine.tensor(new int[] {1, 2, 3});
    Loss both = own.plus(new MeanSquared().on("y", "labels"), 0.5);
    try (Tape tape = engine.tape()) {
      tape.watch(y);
      Tensor loss = both.of(Map.of("y", y), Map.of("labels", labels));
      assertEquals(3 + 0.5 * 3, loss.item());
      assertArrayEquals(new float[] {0, 2, 0}, tape.backward(loss).of(y).toFloats());
    }
  }

  @Test
  void labelsOfSequencesMayBeAColumn() {
    Tensor logits = engine.normal(1, 4, 3);
    Tensor labels = engine.tensor(new int[] {0, 2, 1, -100});
    double expected = new CrossEntropy().of(logits, labels).item();
    assertEquals(expected, new CrossEntropy().of(logits, labels.unsqueeze(-1)).item(), 0);
    Tensor batchMean = new CrossEntropy(-100, 0, Reduction.BATCH_MEAN, null).of(logits, labels);
    assertEquals(expected * 3 / 4, batchMean.item(), 1e-6);
  }

  @Test
  void nothingToPredictIsNaNWithoutAGradient() {
    Tensor logits = engine.normal(1, 2, 3);
    Tensor labels = engine.tensor(new int[] {-100, -100});
    try (Tape tape = engine.tape()) {
      tape.watch(logits);
      Tensor loss = new CrossEntropy().of(logits, labels);
      assertTrue(Double.isNaN(loss.item()));
      assertArrayEquals(new float[6], tape.backward(loss).of(logits).toFloats());
    }
  }

  private static void refuses(Class<? extends QuernException> type, String word, Runnable code) {
    String message = assertThrows(type, code::run).getMessage();
    assertTrue(message.contains(word), message);
  }

  @Test
  void errorsSayWhatThereIs() {
    Tensor x = engine.zeros(2, 3);
    Tensor y = engine.zeros(3);
    refuses(ShapeException.class, "[2, 3]", () -> new MeanSquared().of(x, y));
    refuses(ShapeException.class, "[n, d]", () -> new InfoNce(1).of(x, engine.zeros(1, 3)));
    refuses(
        ShapeException.class,
        "[..., t, v]",
        () -> new CausalLanguageModel(new CrossEntropy()).of(x, engine.zeros(2, 3)));
    Loss loss = new MeanSquared().on("logits", "labels");
    refuses(
        LossException.class,
        "output 'logits'; there are [y]",
        () -> loss.of(Map.of("y", x), Map.of("labels", x)));
    refuses(
        LossException.class, "batch field 'labels'", () -> loss.of(Map.of("logits", x), Map.of()));
    refuses(LossException.class, "cross_entropy, causal_lm", () -> Losses.of("ce", Map.of()));
    refuses(LossException.class, "there are none", () -> Losses.of("mse", Map.of("beta", 1.0)));
    refuses(
        LossException.class,
        "label_smoothing",
        () -> Losses.of("masked_lm", Map.of("label_smoothing", 1.0)));
    refuses(LossException.class, "temperature", () -> new InfoNce(0));
  }
}

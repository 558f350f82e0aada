package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.Precision;
import dev.quern.transformer.Golden;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Bits don't depend on threads or repetition, and 500 tokens need one recording. */
class DeterminismTest {

  /** Logits of a prompt, and of three steps after it. */
  private static float[] logits(Engine engine, Path file, int[] tokens) {
    try (var model = (CausalLanguageModel) Models.open(file, ModelOptions.of(engine))) {
      return logits(model, tokens);
    }
  }

  private static float[] logits(CausalLanguageModel model, int[] tokens) {
    try (Session s = model.openSession(1, tokens.length + 3)) {
      float[] prefill = s.prefillAll(0, tokens);
      float[] all = Arrays.copyOf(prefill, prefill.length + 3 * prefill.length / tokens.length);
      int at = prefill.length;
      for (int token : new int[] {5, 7, 9}) {
        float[] step = s.step(token)[0];
        System.arraycopy(step, 0, all, at, step.length);
        at += step.length;
      }
      return all;
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-F32.gguf", "llama-Q8_0.gguf", "llama-Q4_K.gguf", "hf"})
  void anyNumberOfThreadsGivesTheSameBits(String name) {
    Path file = Golden.of("llama/" + name);
    int[] tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
    for (Precision precision : new Precision[] {Precision.EXACT, Precision.FAST}) {
      float[] first = null;
      for (int threads : new int[] {1, 2, 3, 8}) {
        try (Engine engine = Engine.builder().precision(precision).threads(threads).build()) {
          float[] logits = logits(engine, file, tokens);
          first = first == null ? logits : first;
          assertArrayEquals(first, logits, name + " " + precision + " threads " + threads);
        }
      }
    }
  }

  @Test
  void aHundredRepeatsGiveTheSameBits() {
    int[] tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
    try (Engine engine = Engine.builder().threads(3).build();
        var model =
            (CausalLanguageModel)
                Models.open(Golden.of("llama/llama-Q8_0.gguf"), ModelOptions.of(engine))) {
      float[] first = logits(model, tokens);
      for (int i = 1; i < 100; i++) {
        assertArrayEquals(first, logits(model, tokens), "repeat " + i);
      }
    }
  }

  @Test
  void fiveHundredTokensRecordOnePlan() {
    Path file = Golden.outside("models/stories260K/stories260K-F32.gguf");
    try (Engine engine = Engine.create();
        var model = (CausalLanguageModel) Models.open(file, ModelOptions.of(engine));
        Session s = model.openSession(1, 512)) {
      Generation g =
          new Generation(
              s,
              model.tokenizer(),
              new int[] {1, 403},
              GenerationOptions.greedy(500).ignoringEnd());
      g.run(_ -> {});
      assertEquals(500, g.tokens().length);
      assertEquals(1, s.recordings());
    }
  }

  @Test
  void aWholeContextRecordsOnePlan() {
    try (Engine engine = Engine.create();
        var model =
            (CausalLanguageModel)
                Models.open(Golden.of("llama/llama-F32.gguf"), ModelOptions.of(engine));
        Session s = model.openSession(2, 256)) {
      int steps = 0;
      for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 250; i++) {
          s.step(i % 300, (i * 7) % 300);
          steps++;
        }
        s.cache().truncate(0, 0);
        s.cache().truncate(1, 0);
      }
      assertEquals(500, steps);
      assertEquals(1, s.recordings());
    }
  }
}

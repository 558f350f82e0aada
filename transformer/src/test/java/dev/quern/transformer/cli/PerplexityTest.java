package dev.quern.transformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.transformer.Golden;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.decode.SessionOptions;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.tokenizer.EncodeOptions;
import java.nio.file.Files;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class PerplexityTest {
  private static final int LENGTH = 40;

  /** Σ −log p from all logits at once, in another order of operations. */
  private static double expected(float[] logits, int[] ids, int from) {
    int vocabulary = logits.length / ids.length;
    double sum = 0;
    for (int i = from; i < ids.length - 1; i++) {
      double z = 0;
      for (int t = 0; t < vocabulary; t++) {
        z += Math.exp(logits[i * vocabulary + t]);
      }
      sum -= Math.log(Math.exp(logits[i * vocabulary + ids[i + 1]]) / z);
    }
    return Math.exp(sum / (ids.length - 1 - from));
  }

  @Test
  void blocksOfAnySizeGiveTheSameNumber() throws Exception {
    try (CausalLanguageModel model =
        Models.openCausal(Golden.of("llama/llama-F32.gguf"), ModelOptions.DEFAULT)) {
      String text = Files.readString(Golden.of("corpus.txt"));
      int[] ids = Arrays.copyOf(model.tokenizer().encode(text, EncodeOptions.ADD_SPECIAL), LENGTH);
      for (int from : new int[] {0, LENGTH / 2, LENGTH - 2}) {
        Perplexity whole = new Perplexity();
        try (Session s = model.openSession(1, LENGTH)) {
          whole.score(s, ids, from);
          s.cache().truncate(0, 0);
          assertEquals(expected(s.prefillAll(0, ids), ids, from), whole.value(), 1e-6);
        }
        for (int rows : new int[] {1, 3, LENGTH - 1}) {
          try (Session s = model.openSession(SessionOptions.of(1, LENGTH).withPrefill(rows))) {
            Perplexity blocks = new Perplexity();
            blocks.score(s, ids, from);
            assertEquals(whole.value(), blocks.value(), 1e-6, rows + " rows");
            double once = blocks.value();
            blocks.score(s, ids, from);
            assertEquals(once, blocks.value(), 1e-12, "twice the same text");
            assertTrue(blocks.report().endsWith("over " + 2 * (LENGTH - 1 - from) + " tokens"));
          }
        }
      }
    }
  }
}

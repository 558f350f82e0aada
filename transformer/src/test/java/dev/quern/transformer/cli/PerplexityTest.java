package dev.quern.transformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.WideHeads;
import dev.quern.transformer.compress.Quantization;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.decode.SessionOptions;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.tokenizer.EncodeOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PerplexityTest {
  private static final int LENGTH = 40;
  private static final int WINDOW = 256;
  private static final int TEXT_BYTES = 30_000;
  private static final double ALLOWED = 1e-3;

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

  /** Of the first windows of a text, as {@code quern perplexity -c 256} counts it. */
  private static double perplexity(Path file, String tier, Precision precision, DType cache)
      throws IOException {
    byte[] text = Files.readAllBytes(Golden.outside("text/tinyshakespeare.txt"));
    String begin = new String(text, 0, TEXT_BYTES, StandardCharsets.US_ASCII);
    try (Engine engine = Engines.of(tier, precision);
        CausalLanguageModel model = Models.openCausal(file, ModelOptions.of(engine));
        Session s = model.openSession(SessionOptions.of(1, WINDOW).withCache(cache))) {
      int[] ids = model.tokenizer().encode(begin, EncodeOptions.ADD_SPECIAL);
      Perplexity p = new Perplexity();
      for (int at = 0; at + WINDOW <= ids.length; at += WINDOW) {
        int[] window = Arrays.copyOfRange(ids, at, at + WINDOW);
        window[0] = ids[0];
        p.score(s, window, WINDOW / 2);
      }
      return p.value();
    }
  }

  /** |a / b − 1|. */
  private static double difference(double a, double b) {
    return Math.abs(a / b - 1);
  }

  /** A trained model: rounding to BF16 tiles costs less than a thousandth of its perplexity. */
  @Test
  void roundedProductsCostLessThanAThousandth(@TempDir Path folder) throws IOException {
    Path plain = Golden.outside("models/stories260K/stories260K-F32.gguf");
    double exact = perplexity(plain, "native", Precision.EXACT, ScalarType.F32);
    double reference = perplexity(plain, "reference", Precision.EXACT, ScalarType.F32);
    assertTrue(difference(exact, reference) < 1e-5, exact + " and " + reference);
    double rounded = perplexity(plain, "native", Precision.BF16, ScalarType.F32);
    assertTrue(difference(rounded, reference) < ALLOWED, rounded + " and " + reference);
    for (DType type : List.of(ScalarType.BF16, ScalarType.F16, BlockType.Q8_0, BlockType.Q4_0)) {
      Path file = folder.resolve(type.name() + ".gguf");
      try (Engine engine = Engine.create()) {
        Quantization.of(type).run(engine, plain, file, _ -> {});
      }
      double wide = perplexity(file, "native", Precision.EXACT, ScalarType.F32);
      double fast = perplexity(file, "native", Precision.AUTO, ScalarType.F16);
      assertTrue(difference(fast, wide) < ALLOWED, type + ": " + fast + " and " + wide);
    }
  }

  @Test
  void keysAndValuesInBlocksCostLessThanAThousandth(@TempDir Path folder) throws IOException {
    Path plain = Golden.outside("models/stories260K/stories260K-F32.gguf");
    Path wide = WideHeads.write(plain, folder.resolve("wide.gguf"), 32);
    double f32 = perplexity(wide, "native", Precision.EXACT, ScalarType.F32);
    double narrow = perplexity(plain, "native", Precision.EXACT, ScalarType.F32);
    assertTrue(difference(f32, narrow) < 1e-5, f32 + " and " + narrow);
    for (Precision precision : new Precision[] {Precision.EXACT, Precision.FAST}) {
      double blocks = perplexity(wide, "native", precision, BlockType.Q8_0);
      assertTrue(difference(blocks, f32) < ALLOWED, precision + ": " + blocks + " and " + f32);
    }
  }
}

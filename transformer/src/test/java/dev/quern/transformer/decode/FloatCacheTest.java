package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Keys and values as 8-bit floats, on the golden Llama, whose heads fill no block. */
class FloatCacheTest {
  /** Of logits, against those of an F32 cache: three bits behind the leading one. */
  private static final double NMSE = 1.5e-3;

  /** Between kernels: a key that lies between two codes may be rounded to either. */
  private static final double BETWEEN_KERNELS = 1e-4;

  private static final int[] TOKENS = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));

  private static CausalLanguageModel open(Engine engine, DType cache) {
    ModelOptions options = ModelOptions.of(engine).withCache(cache);
    return Models.openCausal(Golden.of("llama/llama-F32.gguf"), options);
  }

  /** All tokens' logits, of a prompt and of steps. */
  private static float[][] logits(CausalLanguageModel model) {
    try (Session s = model.openSession(1, TOKENS.length)) {
      float[] whole = s.prefillAll(0, TOKENS);
      s.cache().truncate(0, 0);
      float[] stepped = new float[whole.length];
      int columns = whole.length / TOKENS.length;
      for (int i = 0; i < TOKENS.length; i++) {
        System.arraycopy(s.step(TOKENS[i])[0], 0, stepped, i * columns, columns);
      }
      return new float[][] {whole, stepped};
    }
  }

  private static int[] greedy(CausalLanguageModel model) {
    int[] prompt = Arrays.copyOf(TOKENS, 5);
    try (Session s = model.openSession(1, 40)) {
      Generation g = new Generation(s, model.tokenizer(), prompt, GenerationOptions.greedy(24));
      g.run(_ -> {});
      return g.tokens();
    }
  }

  static String[] tiers() {
    return Engines.TIERS.toArray(String[]::new);
  }

  @ParameterizedTest
  @MethodSource("tiers")
  void logitsAreCloseToThoseOfAWideCache(String tier) {
    float[] golden = Golden.npy(Golden.of("llama/llama-F32.logits.npy"));
    try (Engine reference = Engines.of("reference", Precision.EXACT);
        CausalLanguageModel expected = open(reference, ScalarType.F8_E4M3)) {
      float[][] scalar = logits(expected);
      for (Precision precision : new Precision[] {Precision.EXACT, Precision.FAST}) {
        try (Engine engine = Engines.of(tier, precision);
            CausalLanguageModel model = open(engine, ScalarType.F8_E4M3)) {
          float[][] found = logits(model);
          for (int i = 0; i < found.length; i++) {
            double error = Golden.nmse(found[i], golden);
            assertTrue(error > 0 && error <= NMSE, tier + " " + precision + ": " + error);
            error = Golden.nmse(found[i], scalar[i]);
            assertTrue(error <= BETWEEN_KERNELS, tier + " " + precision + ": " + error);
          }
          if (precision == Precision.EXACT) {
            assertArrayEquals(greedy(expected), greedy(model), tier);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"F32", "F16", "F8_E4M3"})
  void elementsTakeTheirBytes(ScalarType type) {
    try (Engine engine = Engines.of("reference", Precision.EXACT);
        CausalLanguageModel model = open(engine, type);
        Session s = model.openSession(3, 10)) {
      var d = model.decoder().dimensions();
      long elements = 2L * d.layers() * 3 * d.kvHeads() * 11 * d.headDim();
      assertEquals(type, s.cache().dtype());
      assertEquals(elements * type.blockBytes(), s.cache().bytes());
      s.prefill(0, Arrays.copyOf(TOKENS, 6));
      s.prefill(2, Arrays.copyOf(TOKENS, 4));
      try (Session forked = s.fork(2, 0, 0)) {
        float[][] there = forked.step(TOKENS[4], TOKENS[6], 9);
        float[][] here = s.step(TOKENS[6], Session.IDLE, TOKENS[4]);
        assertArrayEquals(here[0], there[1]);
        assertArrayEquals(here[2], there[0]);
      }
    }
  }
}

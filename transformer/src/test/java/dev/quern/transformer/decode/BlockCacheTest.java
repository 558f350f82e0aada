package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.WideHeads;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Keys and values in Q8_0, on the golden Llama with its heads filled up to a block. */
class BlockCacheTest {
  /** Of logits, against those of an F32 cache: eight bits of each key and value. */
  private static final double NMSE = 1e-4;

  @TempDir static Path folder;
  private static Path wide;
  private static int[] tokens;

  @BeforeAll
  static void widen() {
    wide = WideHeads.write(Golden.of("llama/llama-F32.gguf"), folder.resolve("wide.gguf"), 32);
    tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
  }

  static Stream<Arguments> engines() {
    return Engines.TIERS.stream()
        .flatMap(t -> Stream.of(Precision.EXACT, Precision.FAST).map(p -> Arguments.of(t, p)));
  }

  private static CausalLanguageModel open(Engine engine) {
    return Models.openCausal(wide, ModelOptions.of(engine).withCache(BlockType.Q8_0));
  }

  private static int[] part(int from, int to) {
    return Arrays.copyOfRange(tokens, from, to);
  }

  @ParameterizedTest
  @MethodSource("engines")
  void logitsAreCloseToThoseOfAWideCache(String tier, Precision precision) {
    float[] golden = Golden.npy(Golden.of("llama/llama-F32.logits.npy"));
    int columns = golden.length / tokens.length;
    try (Engine engine = Engines.of(tier, precision);
        CausalLanguageModel model = open(engine)) {
      SessionOptions f32 = SessionOptions.of(1, tokens.length).withCache(ScalarType.F32);
      try (Session s = model.openSession(f32)) {
        // the widened model is the golden one
        assertTrue(Golden.maxError(s.prefillAll(0, tokens), golden) <= 1e-4);
      }
      try (Session s = model.openSession(1, tokens.length)) {
        assertEquals(BlockType.Q8_0, s.cache().dtype());
        assertEquals(2L * 2 * 2 * (tokens.length + 1) * 34, s.cache().bytes());
        float[] whole = s.prefillAll(0, tokens);
        double error = Golden.nmse(whole, golden);
        assertTrue(error > 0 && error <= NMSE, tier + " " + precision + ": " + error);
        s.cache().truncate(0, 0);
        float[] stepped = new float[whole.length];
        for (int i = 0; i < tokens.length; i++) {
          System.arraycopy(s.step(tokens[i])[0], 0, stepped, i * columns, columns);
        }
        error = Golden.nmse(stepped, golden);
        assertTrue(error > 0 && error <= NMSE, tier + " " + precision + " steps: " + error);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("engines")
  void greedyTextsAreThoseOfAWideCache(String tier, Precision precision) {
    try (Engine engine = Engines.of(tier, precision);
        CausalLanguageModel model = open(engine)) {
      for (JsonNode c : Golden.json(Golden.of("llama/greedy.json"))) {
        if (!c.get("model").asText().equals("llama-F32.gguf")) {
          continue;
        }
        int[] prompt = Golden.ints(c.get("promptIds"));
        int[] ids = Golden.ints(c.get("ids"));
        try (Session session = model.openSession(1, prompt.length + ids.length)) {
          Generation g =
              new Generation(
                  session, model.tokenizer(), prompt, GenerationOptions.greedy(ids.length));
          g.run(_ -> {});
          assertEquals(Arrays.toString(ids), Arrays.toString(g.tokens()));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("engines")
  void sequencesAreCutForkedAndReordered(String tier, Precision precision) {
    try (Engine engine = Engines.of(tier, precision);
        CausalLanguageModel model = open(engine);
        Session s = model.openSession(2, 20)) {
      s.prefill(0, part(0, 7));
      s.prefill(1, part(2, 7));
      s.cache().truncate(0, 6);
      try (Session f = s.fork(1, 0, 0)) {
        assertEquals(List.of(5, 6, 6), lengths(f));
        float[][] forked = f.step(tokens[7], tokens[6], 9);
        float[][] own = s.step(tokens[6], tokens[7]);
        assertArrayEquals(own[1], forked[0]);
        assertArrayEquals(own[0], forked[1]);
        f.cache().reorder(1, 1, 2);
        assertEquals(List.of(7, 7, 7), lengths(f));
        float[][] next = f.step(tokens[7], tokens[7], Session.IDLE);
        assertArrayEquals(next[0], next[1]);
        assertArrayEquals(s.step(tokens[7], Session.IDLE)[0], next[0]);
      }
    }
  }

  private static List<Integer> lengths(Session s) {
    return java.util.stream.IntStream.range(0, s.cache().batch())
        .mapToObj(s.cache()::length)
        .toList();
  }

  @Test
  void anyNumberOfThreadsGivesTheSameBits() {
    for (Precision precision : new Precision[] {Precision.EXACT, Precision.FAST}) {
      float[] first = null;
      for (int threads : new int[] {1, 2, 3, 8}) {
        try (Engine engine = Engine.builder().precision(precision).threads(threads).build();
            CausalLanguageModel model = open(engine);
            Session s = model.openSession(1, tokens.length + 1)) {
          float[] prefill = s.prefillAll(0, tokens);
          float[] all = Arrays.copyOf(prefill, prefill.length + prefill.length / tokens.length);
          float[] step = s.step(5)[0];
          System.arraycopy(step, 0, all, prefill.length, step.length);
          first = first == null ? all : first;
          assertArrayEquals(first, all, precision + " threads " + threads);
        }
      }
    }
  }

  @Test
  void headsThatAreNoWholeBlocksAreRefused() {
    ModelOptions options = ModelOptions.DEFAULT.withCache(BlockType.Q8_0);
    try (CausalLanguageModel model =
        Models.openCausal(Golden.of("llama/llama-F32.gguf"), options)) {
      // 63 and the row of those that sit out: blocks would fit the memory, not the heads
      String message =
          assertThrows(DTypeException.class, () -> model.openSession(1, 63)).getMessage();
      assertTrue(message.contains("have 16") && message.contains("take F16"), message);
    }
    var e =
        assertThrows(DTypeException.class, () -> SessionOptions.of(1, 1).withCache(BlockType.Q4_0));
    assertTrue(e.getMessage().contains("F32, F16, BF16, F8_E4M3 or Q8_0"), e.getMessage());
  }
}

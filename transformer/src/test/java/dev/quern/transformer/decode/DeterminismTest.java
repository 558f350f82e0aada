package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.Golden;
import dev.quern.transformer.compress.Quantization;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Bits don't depend on threads or repetition, and 500 tokens need one recording. */
class DeterminismTest {
  private static final int WIDTH = 1024;
  private static final int HIDDEN = 1536;

  /** Logits of a prompt, and of three steps after it. */
  private static float[] logits(Engine engine, Path file, int[] tokens) {
    try (var model = Models.openCausal(file, ModelOptions.of(engine))) {
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
    int[] tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
    anyNumberOfThreadsGivesTheSameBits(Golden.of("llama/" + name), tokens);
  }

  private static void anyNumberOfThreadsGivesTheSameBits(Path file, int[] tokens) {
    for (Precision precision : new Precision[] {Precision.EXACT, Precision.FAST}) {
      float[] first = null;
      for (int threads : new int[] {1, 2, 3, 8}) {
        try (Engine engine = Engine.builder().precision(precision).threads(threads).build()) {
          float[] logits = logits(engine, file, tokens);
          first = first == null ? logits : first;
          assertArrayEquals(
              first, logits, file.getFileName() + " " + precision + " threads " + threads);
        }
      }
    }
  }

  /** Wide enough that every kernel cuts its work: more slices than threads. */
  @Test
  void soDoesAWideModel(@TempDir Path folder) {
    int[] tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
    Path plain = wide(folder.resolve("wide-F32.gguf"));
    anyNumberOfThreadsGivesTheSameBits(plain, tokens);
    for (BlockType type : List.of(BlockType.Q8_0, BlockType.Q4_K)) {
      Path blocks = folder.resolve("wide-" + type.name() + ".gguf");
      try (Engine engine = Engine.create()) {
        Quantization.of(type).run(engine, plain, blocks, t -> {});
      }
      anyNumberOfThreadsGivesTheSameBits(blocks, tokens);
    }
  }

  /** A random Llama, 1024 wide, with two layers; everything else is the golden model's. */
  private static Path wide(Path file) {
    Map<String, Integer> sizes =
        Map.of(
            "llama.embedding_length", WIDTH,
            "llama.feed_forward_length", HIDDEN,
            "llama.attention.head_count", 16,
            "llama.attention.head_count_kv", 4,
            "llama.attention.key_length", 64,
            "llama.attention.value_length", 64,
            "llama.rope.dimension_count", 64);
    SplittableRandom random = new SplittableRandom(11);
    try (GgufFile golden = GgufFile.open(Golden.of("llama/llama-F32.gguf"))) {
      GgufWriter to = new GgufWriter();
      golden
          .metadata()
          .asMap()
          .forEach(
              (key, value) -> {
                Integer size = sizes.get(key);
                to.put(key, size == null ? value : GgufValue.uint32(size));
              });
      for (String name : golden.names()) {
        Shape small = golden.spec(name).shape();
        long[] dims = small.dims();
        dims[dims.length - 1] = name.contains("ffn_down") ? HIDDEN : WIDTH;
        if (dims.length == 2 && !name.equals("token_embd.weight")) {
          dims[0] =
              name.contains("ffn_gate") || name.contains("ffn_up")
                  ? HIDDEN
                  : name.contains("attn_k") || name.contains("attn_v") ? WIDTH / 4 : WIDTH;
        }
        Shape shape = Shape.of(dims);
        float[] values = new float[Math.toIntExact(shape.elements())];
        for (int i = 0; i < values.length; i++) {
          values[i] =
              dims.length == 1 ? 1 : (float) (random.nextGaussian() / Math.sqrt(shape.dim(-1)));
        }
        to.tensor(name, TensorSpec.of(ScalarType.F32, dims), MemorySegment.ofArray(values));
      }
      to.write(file);
    }
    return file;
  }

  @Test
  void aHundredRepeatsGiveTheSameBits() {
    int[] tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
    try (Engine engine = Engine.builder().threads(3).build();
        var model =
            Models.openCausal(Golden.of("llama/llama-Q8_0.gguf"), ModelOptions.of(engine))) {
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
        var model = Models.openCausal(file, ModelOptions.of(engine));
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
        var model = Models.openCausal(Golden.of("llama/llama-F32.gguf"), ModelOptions.of(engine));
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

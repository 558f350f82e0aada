package dev.quern.transformer.families;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.decode.Generation;
import dev.quern.transformer.decode.GenerationOptions;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.decode.SessionOptions;
import dev.quern.transformer.layers.AttentionContext;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.tokenizer.EncodeOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The larger golden models, against the exact float64 reference and llama.cpp. */
class OutsideModelsTest {
  private static final double EXACT = 1e-4;
  private static final double ARGMAX_AGREEMENT = 0.85;
  static final List<String> TIERS = Engines.TIERS;

  /**
   * A model file and its goldens.
   *
   * @param model file or folder
   * @param tokens file with ids
   * @param sequence which of its sequences
   * @param exact golden of EXACT precision
   * @param fast golden of FAST precision, or empty if that is not asked
   * @param nmse how far FAST may be from it
   */
  private record Case(
      String model, String tokens, String sequence, String exact, String fast, double nmse) {}

  private static List<Case> cases() {
    List<Case> all = new ArrayList<>();
    String s = "models/stories260K/";
    for (String type : List.of("F32", "F16", "Q8_0", "Q4_0")) {
      String infix = type.equals("F32") ? "" : "." + type;
      all.add(
          new Case(
              s + "stories260K-" + type + ".gguf",
              s + "tokens.json",
              "logits48",
              s + "logits48" + infix + ".ref64.npy",
              s + "logits48" + infix + ".llamacpp.npy",
              limit(type)));
    }
    all.add(new Case(s + "hf", s + "tokens.json", "logits48", s + "logits48.ref64.npy", "", 0));
    for (String length : List.of("len1", "len40")) {
      for (String type : List.of("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_K_M", "Q6_K")) {
        all.add(gguf("llama-gqa", type, length));
      }
      all.add(gguf("llama-rope-freqs", "F32", length));
      all.add(gguf("gpt2", "F32", length));
      for (String name : List.of("llama-gqa", "llama-rope-freqs", "gpt2")) {
        String t = "models/tiny/" + name + "/";
        all.add(
            new Case(t + "hf", t + "tokens.json", length, t + length + ".F32.ref64.npy", "", 0));
      }
    }
    return all;
  }

  private static Case gguf(String name, String type, String length) {
    String t = "models/tiny/" + name + "/";
    return new Case(
        t + name + "-" + type + ".gguf",
        t + "tokens.json",
        length,
        t + length + "." + type + ".ref64.npy",
        // One row alone is too small a sample for the limits of rounded activations.
        length.equals("len40") && !name.equals("gpt2")
            ? t + length + "." + type + ".llamacpp.npy"
            : "",
        limit(type));
  }

  private static double limit(String type) {
    return switch (type) {
      case "F32" -> 1e-8;
      case "F16", "BF16" -> 3e-4;
      default -> 3e-3;
    };
  }

  static Stream<Arguments> everyTier() {
    return TIERS.stream().flatMap(t -> cases().stream().map(c -> Arguments.of(t, c)));
  }

  @ParameterizedTest
  @MethodSource("everyTier")
  void logitsEqualTheGoldens(String tier, Case c) {
    Path file = Golden.outside(c.model);
    int[] tokens = Golden.ints(Golden.json(Golden.outside(c.tokens)).get(c.sequence));
    float[] exact = Golden.npy(Golden.outside(c.exact));
    List<float[]> logits = logits(tier, Precision.EXACT, file, tokens);
    assertTrue(
        Golden.maxError(logits.get(0), exact) <= EXACT, "" + Golden.maxError(logits.get(0), exact));
    assertTrue(
        Golden.maxError(logits.get(1), exact) <= EXACT, "" + Golden.maxError(logits.get(1), exact));
    if (!c.fast.isEmpty()) {
      int columns = exact.length / tokens.length;
      for (float[] l : logits(tier, Precision.FAST, file, tokens)) {
        for (String golden : List.of(c.exact, c.fast)) {
          float[] g = Golden.npy(Golden.outside(golden));
          assertTrue(Golden.nmse(l, g) <= c.nmse, golden + ": " + Golden.nmse(l, g));
          double agreement = Golden.argmaxAgreement(l, g, columns);
          assertTrue(agreement >= ARGMAX_AGREEMENT, golden + ": " + agreement);
        }
      }
    }
  }

  /**
   * Logits of all positions: eagerly, and step by step from a plan; under FAST and with narrow
   * weights also at once and step by step with an F16 cache, the default then.
   */
  private static List<float[]> logits(String tier, Precision precision, Path file, int[] tokens) {
    try (Engine engine = Engines.of(tier, precision);
        Checkpoint checkpoint = Checkpoint.open(file);
        Weights weights = new Weights(engine, checkpoint)) {
      Decoder model = (Decoder) Families.load(weights);
      float[] eager;
      try (TensorScope _ = TensorScope.open()) {
        Tensor input = engine.tensor(tokens, 1, tokens.length);
        eager =
            model.logits(model.forward(input, AttentionContext.whole(input), List.of())).toFloats();
      }
      SessionOptions options = SessionOptions.of(1, tokens.length);
      List<float[]> all = new ArrayList<>(List.of(eager, stepped(engine, model, options, tokens)));
      if (precision == Precision.FAST && !checkpoint.mainType().equals("F32")) {
        SessionOptions narrow = options.withCache(ScalarType.F16);
        all.add(stepped(engine, model, narrow, tokens));
        try (Session session = Session.open(engine, model, narrow)) {
          all.add(session.prefillAll(0, tokens));
        }
      }
      return all;
    }
  }

  private static float[] stepped(
      Engine engine, Decoder model, SessionOptions options, int[] tokens) {
    int columns = model.dimensions().vocabulary();
    float[] stepped = new float[tokens.length * columns];
    try (Session session = Session.open(engine, model, options)) {
      for (int i = 0; i < tokens.length; i++) {
        System.arraycopy(session.step(tokens[i])[0], 0, stepped, i * columns, columns);
      }
    }
    return stepped;
  }

  static Stream<Arguments> storiesFiles() {
    return TIERS.stream()
        .flatMap(t -> Stream.of("stories260K-F32.gguf", "hf").map(f -> Arguments.of(t, f)));
  }

  @ParameterizedTest
  @MethodSource("storiesFiles")
  void greedyStoriesEqualTheGoldens(String tier, String name) {
    Path file = Golden.outside("models/stories260K/" + name);
    JsonNode golden = Golden.json(Golden.outside("models/stories260K/greedy.json"));
    try (Engine engine = Engines.of(tier, Precision.EXACT);
        var model = Models.openCausal(file, ModelOptions.of(engine))) {
      for (JsonNode c : golden.get("cases")) {
        int[] prompt =
            model.tokenizer().encode(c.get("prompt").asText(), EncodeOptions.ADD_SPECIAL);
        assertEquals(Arrays.toString(Golden.ints(c.get("prompt_ids"))), Arrays.toString(prompt));
        int count = c.get("n_new").asInt();
        try (Session session = model.openSession(1, prompt.length + count)) {
          Generation g =
              new Generation(
                  session,
                  model.tokenizer(),
                  prompt,
                  GenerationOptions.greedy(count).ignoringEnd());
          String text = g.run(_ -> {});
          assertEquals(Arrays.toString(Golden.ints(c.get("ids"))), Arrays.toString(g.tokens()));
          // The golden text stands alone; a continuation keeps the space between it and its prompt.
          assertEquals(c.get("text").asText(), model.tokenizer().decode(g.tokens()));
          String whole = c.get("prompt").asText() + text;
          assertEquals(c.get("llama2c_text").asText(), whole.strip());
        }
      }
    }
  }

  @ParameterizedTest
  @FieldSource("TIERS")
  void bertEqualsTheGoldens(String tier) {
    Path folder = Golden.outside("models/tiny/bert");
    for (String length : List.of("len1", "len40")) {
      int[] tokens = Golden.ints(Golden.json(folder.resolve("tokens.json")).get(length));
      float[] tanh = Golden.npy(folder.resolve(length + ".F32.ref64.npy"));
      float[] erf = Golden.npy(folder.resolve(length + ".F32.ref64-erf.npy"));
      float[] fromGguf = hidden(tier, folder.resolve("bert-F32.gguf"), tokens);
      float[] fromFolder = hidden(tier, folder.resolve("hf"), tokens);
      assertTrue(Golden.maxError(fromGguf, tanh) <= EXACT, "" + Golden.maxError(fromGguf, tanh));
      assertTrue(Golden.maxError(fromFolder, erf) <= EXACT, "" + Golden.maxError(fromFolder, erf));
    }
  }

  private static float[] hidden(String tier, Path file, int[] tokens) {
    try (Engine engine = Engines.of(tier, Precision.EXACT);
        Checkpoint checkpoint = Checkpoint.open(file);
        Weights weights = new Weights(engine, checkpoint);
        TensorScope _ = TensorScope.open()) {
      Encoder model = (Encoder) Families.load(weights);
      assertThrows(NotSupportedException.class, () -> model.logits(engine.zeros(1, 1, 128)));
      return model.forward(engine.tensor(tokens, 1, tokens.length), null, null).toFloats();
    }
  }

  @Test
  void familiesToComeAreNamed() {
    for (String name : List.of("qwen2", "qwen3")) {
      Path folder = Golden.outside("models/tiny/" + name);
      for (String file : List.of(name + "-F32.gguf", "hf")) {
        assertTrue(Files.exists(folder.resolve(file)));
        var e = assertThrows(NotSupportedException.class, () -> Models.open(folder.resolve(file)));
        assertTrue(
            e.getMessage()
                .contains("'" + name + "' is not supported; there are bert, gpt2, llama,"),
            e.getMessage());
      }
    }
  }
}

package dev.quern.transformer.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Device;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.decode.Generation;
import dev.quern.transformer.decode.GenerationOptions;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.export.GgufExport;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.EncoderModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.tokenizer.EncodeOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The committed golden models on a CUDA device, eagerly and as graphs. */
abstract class ModelsOnDevice {
  private static final double EXACT = 1e-4;
  private static final double FAST_NMSE = 3e-4;
  private static final double BLOCK_NMSE = 3e-3; // activations of 8 bits
  private static final Device CUDA = Device.cuda(0);

  @TempDir private Path folder;

  /** An engine on the device. */
  abstract Engine engine(Engine.Builder builder);

  private Engine engine() {
    return engine(Engine.builder().precision(Precision.EXACT));
  }

  @ParameterizedTest
  @CsvSource({
    "llama/llama-F32.gguf, llama/tokens.json, llama/llama-F32.logits.npy",
    "llama/hf, llama/tokens.json, llama/llama-F32.logits.npy",
    "gpt2/hf, gpt2/tokens.json, gpt2/gpt2.logits.npy"
  })
  void decoderLogitsEqualTheGoldens(String file, String tokenFile, String logits) {
    int[] tokens = Golden.ints(Golden.json(Golden.of(tokenFile)));
    float[] golden = Golden.npy(Golden.of(logits));
    try (Engine engine = engine();
        var model = Models.openCausal(Golden.of(file), ModelOptions.of(engine))) {
      assertEquals(CUDA, model.engine().device());
      check(eager(model, tokens), golden);
      check(replayed(model, tokens), golden);
      check(prefilled(model, tokens), golden);
    }
  }

  private static void check(float[] actual, float[] golden) {
    double error = Golden.maxError(actual, golden);
    assertTrue(error <= EXACT, "off by " + error);
  }

  private static float[] eager(CausalLanguageModel model, int[] tokens) {
    try (TensorScope _ = TensorScope.open()) {
      Tensor input = model.engine().tensor(tokens, 1, tokens.length);
      Tensor logits = model.infer(Map.of("tokens", input)).get("logits");
      assertEquals(model.engine().device(), logits.device());
      return logits.toFloats();
    }
  }

  private static float[] replayed(CausalLanguageModel model, int[] tokens) {
    int vocabulary = model.decoder().dimensions().vocabulary();
    float[] all = new float[tokens.length * vocabulary];
    try (Session session = model.openSession(1, tokens.length)) {
      for (int i = 0; i < tokens.length; i++) {
        System.arraycopy(session.step(tokens[i])[0], 0, all, i * vocabulary, vocabulary);
      }
      assertEquals(1, session.recordings());
      assertEquals(Set.of("cuda"), session.plan().providers());
    }
    return all;
  }

  @Test
  void residualsMeetTheirNormsAndKeysTheirCacheInOneCall() {
    try (Engine engine = engine();
        var model = Models.openCausal(Golden.of("llama/hf"), ModelOptions.of(engine));
        Session session = model.openSession(1, 8)) {
      session.step(1);
      List<String> calls = session.plan().explain().lines().toList();
      int layers = model.decoder().dimensions().layers();
      assertEquals(layers, calls.stream().filter(c -> c.startsWith("ropeCacheWrite ")).count());
      assertEquals(2 * layers, calls.stream().filter(c -> c.startsWith("addRmsNorm ")).count());
    }
  }

  private static float[] prefilled(CausalLanguageModel model, int[] tokens) {
    try (Session session = model.openSession(1, tokens.length)) {
      return session.prefillAll(0, tokens);
    }
  }

  @Test
  void bertEqualsTheGoldens() {
    int[] tokens = Golden.ints(Golden.json(Golden.of("bert/tokens.json")));
    try (Engine engine = engine();
        var model = (EncoderModel) Models.open(Golden.of("bert/hf"), ModelOptions.of(engine));
        TensorScope _ = TensorScope.open()) {
      Map<String, Tensor> outputs =
          model.infer(
              Map.of("tokens", engine.tensor(tokens, 1, tokens.length)), Map.of("logits", true));
      check(outputs.get("hidden").toFloats(), Golden.npy(Golden.of("bert/bert.hidden.npy")));
      check(outputs.get("logits").toFloats(), Golden.npy(Golden.of("bert/bert.logits.npy")));
    }
  }

  @Test
  void inputsMayBeOnTheHost() {
    int[] tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
    try (Engine engine = engine();
        var model = Models.openCausal(Golden.of("llama/hf"), ModelOptions.of(engine));
        TensorScope _ = TensorScope.open()) {
      Tensor there = engine.tensor(tokens, 1, tokens.length);
      assertArrayEquals(
          model.infer(Map.of("tokens", there)).get("logits").toFloats(),
          model.infer(Map.of("tokens", there.to(Device.CPU))).get("logits").toFloats());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"F16", "BF16"})
  void weightsOf16BitsStayWhatTheyAre(String type) {
    int[] tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
    Path file = folder.resolve(type + ".gguf");
    try (Engine host = Engines.of("reference", Precision.AUTO);
        Engine device = engine(Engine.builder())) {
      GgufExport.of(DType.of(type)).run(host, Golden.of("llama/hf"), file, _ -> {});
      try (var here = Models.openCausal(file, ModelOptions.of(host));
          var there = Models.openCausal(file, ModelOptions.of(device))) {
        float[] expected = eager(here, tokens);
        assertTrue(Golden.nmse(eager(there, tokens), expected) <= FAST_NMSE);
        assertTrue(Golden.nmse(replayed(there, tokens), expected) <= FAST_NMSE);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"Q8_0", "Q4_K"})
  void weightsInBlocksAreReadAsTheyAre(String type) {
    int[] tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
    float[] golden = Golden.npy(Golden.of("llama/llama-" + type + ".logits.npy"));
    Path file = Golden.of("llama/llama-" + type + ".gguf");
    try (Engine exact = engine();
        Engine rounding = engine(Engine.builder())) {
      try (var model = Models.openCausal(file, ModelOptions.of(exact))) {
        check(eager(model, tokens), golden);
        check(replayed(model, tokens), golden);
        check(prefilled(model, tokens), golden);
      }
      try (var model = Models.openCausal(file, ModelOptions.of(rounding))) {
        assertTrue(Golden.nmse(replayed(model, tokens), golden) <= BLOCK_NMSE);
        assertTrue(Golden.nmse(prefilled(model, tokens), golden) <= BLOCK_NMSE);
      }
    }
  }

  @Test
  void exportedBlocksRunAsOnTheHost() {
    int[] tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
    Path file = folder.resolve("Q4_0.gguf");
    try (Engine host = Engines.of("reference", Precision.EXACT);
        Engine device = engine()) {
      GgufExport.of(BlockType.Q4_0).run(host, Golden.of("llama/hf"), file, _ -> {});
      try (var here = Models.openCausal(file, ModelOptions.of(host));
          var there = Models.openCausal(file, ModelOptions.of(device))) {
        float[] expected = eager(here, tokens);
        check(eager(there, tokens), expected);
        check(replayed(there, tokens), expected);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"EXACT", "FAST"})
  void cachesMayHold8BitFloats(Precision precision) {
    int[] tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
    try (Engine host = Engines.of("reference", Precision.EXACT);
        Engine device = engine(Engine.builder().precision(precision));
        var here = openWithFloats(host);
        var there = openWithFloats(device)) {
      float[] expected = prefilled(here, tokens);
      assertTrue(Golden.nmse(prefilled(there, tokens), expected) <= FAST_NMSE);
      assertTrue(Golden.nmse(replayed(there, tokens), expected) <= FAST_NMSE);
    }
  }

  private static CausalLanguageModel openWithFloats(Engine engine) {
    ModelOptions options = ModelOptions.of(engine).withCache(ScalarType.F8_E4M3);
    return Models.openCausal(Golden.of("llama/hf"), options);
  }

  /** A decode plan reads BF16 weights with the kernel for few rows, though activations are F32. */
  @Test
  void decodingReachesTheProductsOfFewRows() {
    Path file = folder.resolve("few-rows.gguf");
    try (Engine host = Engines.of("reference", Precision.AUTO);
        Engine device = engine(Engine.builder())) {
      GgufExport.of(DType.of("BF16")).run(host, Golden.of("llama/hf"), file, _ -> {});
      try (var model = Models.openCausal(file, ModelOptions.of(device));
          Session session = model.openSession(1, 4)) {
        session.step(1);
        String plan = session.plan().explain();
        assertTrue(plan.contains("linears cuda mma 8x"), plan);
        assertTrue(plan.contains("gatedFeedForward cuda mma 8x"), plan);
      }
    }
  }

  @Test
  void cachesAreForkedAndReorderedWhereTheyAre() {
    int[] tokens = {1, 40, 41, 42};
    try (Engine engine = engine();
        var model = Models.openCausal(Golden.of("llama/hf"), ModelOptions.of(engine));
        Session session = model.openSession(2, 8)) {
      session.prefill(0, tokens);
      session.prefill(1, 7, 8);
      try (Session forked = session.fork(1, 0, 0)) {
        float[][] before = forked.step(9, 9, Session.IDLE);
        session.cache().reorder(1, 0);
        float[][] after = session.step(9, 9);
        assertArrayEquals(before[0], after[0]);
        assertArrayEquals(before[1], after[1]);
        assertEquals(3, forked.cache().length(0));
        assertEquals(4, forked.cache().length(2));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "gpt2"})
  void greedyTextsEqualTheGoldens(String family) {
    for (JsonNode golden : Golden.json(Golden.of(family + "/greedy.json"))) {
      String file = golden.get("model").asText();
      int[] ids = Golden.ints(golden.get("ids"));
      try (Engine engine = engine();
          var model = Models.openCausal(Golden.of(family + "/" + file), ModelOptions.of(engine))) {
        int[] prompt =
            model.tokenizer().encode(golden.get("prompt").asText(), EncodeOptions.ADD_SPECIAL);
        try (Session session = model.openSession(1, prompt.length + ids.length)) {
          Generation g =
              new Generation(
                  session, model.tokenizer(), prompt, GenerationOptions.greedy(ids.length));
          g.run(_ -> {});
          assertArrayEquals(ids, g.tokens(), file);
        }
      }
    }
  }
}

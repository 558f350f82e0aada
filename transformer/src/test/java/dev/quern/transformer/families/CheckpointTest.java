package dev.quern.transformer.families;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.TensorFile;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.core.io.safetensors.SafetensorsFile;
import dev.quern.core.io.safetensors.SafetensorsFolder;
import dev.quern.core.io.safetensors.SafetensorsWriter;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.decode.SessionOptions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointTest {
  @TempDir Path temp;
  private Engine engine;

  @BeforeEach
  void open() {
    engine = Engines.of("reference", Precision.EXACT);
  }

  @AfterEach
  void close() {
    engine.close();
  }

  /** The golden GGUF with other metadata, without some tensors, and with some of other shapes. */
  private Path gguf(
      Map<String, GgufValue> metadata, Set<String> without, Map<String, TensorSpec> extra) {
    Path target = temp.resolve("edited.gguf");
    try (GgufFile from = GgufFile.open(Golden.of("llama/llama-F32.gguf"));
        Arena arena = Arena.ofConfined()) {
      GgufWriter to = new GgufWriter();
      from.metadata()
          .asMap()
          .forEach(
              (key, value) -> {
                if (!metadata.containsKey(key) && !without.contains(key)) {
                  to.put(key, value);
                }
              });
      metadata.forEach(to::put);
      for (String name : from.names()) {
        if (!without.contains(name) && !extra.containsKey(name)) {
          to.tensor(name, from.spec(name), from.storage(name).segment());
        }
      }
      extra.forEach((name, spec) -> to.tensor(name, spec, arena.allocate(spec.byteSize())));
      to.write(target);
    }
    return target;
  }

  /** The golden folder with lines of its config.json replaced. */
  private Path folder(String... replacements) throws IOException {
    Path target = Files.createTempDirectory(temp, "hf");
    try (var files = Files.list(Golden.of("llama/hf"))) {
      for (Path f : files.toList()) {
        Files.copy(f, target.resolve(f.getFileName().toString()));
      }
    }
    Path config = target.resolve("config.json");
    String json = Files.readString(config);
    for (int i = 0; i < replacements.length; i += 2) {
      assertTrue(json.contains(replacements[i]), replacements[i]);
      json = json.replace(replacements[i], replacements[i + 1]);
    }
    Files.writeString(config, json);
    return target;
  }

  private float[] logits(Path path) {
    int[] tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
    try (Checkpoint c = Checkpoint.open(path);
        Weights w = new Weights(engine, c)) {
      Decoder model = (Decoder) Families.load(w);
      try (Session s = Session.open(engine, model, SessionOptions.of(1, tokens.length))) {
        float[] all = s.prefillAll(0, tokens);
        s.cache().truncate(0, tokens.length - 1);
        float[] last = s.step(tokens[tokens.length - 1])[0];
        float[] same = Arrays.copyOfRange(all, all.length - last.length, all.length);
        assertTrue(Golden.maxError(last, same) < 1e-5);
        return all;
      }
    }
  }

  private <T extends RuntimeException> void refused(Class<T> type, Path path, String... parts) {
    T e = assertThrows(type, () -> logits(path));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
    assertTrue(e.getMessage().contains(path.getFileName().toString()), e.getMessage());
  }

  @Test
  void aMissingTensorIsNamed() {
    Path file = gguf(Map.of(), Set.of("blk.1.ffn_up.weight"), Map.of());
    refused(FormatException.class, file, "'blk.1.ffn_up.weight' is missing", "expected [32, 64]");
    refused(
        FormatException.class,
        gguf(Map.of(), Set.of("token_embd.weight"), Map.of()),
        "'token_embd.weight' is missing");
  }

  @Test
  void aTensorOfAnotherShapeIsNamed() {
    Map<String, TensorSpec> wrong =
        Map.of("blk.0.attn_k.weight", TensorSpec.of(ScalarType.F32, 64, 64));
    refused(
        FormatException.class,
        gguf(Map.of(), Set.of(), wrong),
        "'blk.0.attn_k.weight' has shape [64, 64] F32, expected [32, 64]");
    Map<String, TensorSpec> indices =
        Map.of("blk.0.attn_k.weight", TensorSpec.of(ScalarType.I32, 32, 64));
    refused(
        FormatException.class,
        gguf(Map.of(), Set.of(), indices),
        "'blk.0.attn_k.weight' is [32, 64] I32, expected floating point");
  }

  @Test
  void aTensorTooManyIsNamed() {
    Map<String, TensorSpec> more =
        Map.of("blk.0.attn_q_norm.weight", TensorSpec.of(ScalarType.F32, 16));
    refused(
        FormatException.class,
        gguf(Map.of(), Set.of(), more),
        "1 tensors have no place",
        "'blk.0.attn_q_norm.weight' [16]");
  }

  @Test
  void wrongSettingsAreNamed() throws IOException {
    refused(
        FormatException.class,
        gguf(Map.of(), Set.of("llama.embedding_length"), Map.of()),
        "'llama.embedding_length' must be a positive whole number, but it is missing");
    refused(
        FormatException.class,
        gguf(Map.of("llama.block_count", GgufValue.uint32(0)), Set.of(), Map.of()),
        "'llama.block_count' must be a positive whole number, got 0");
    refused(
        NotSupportedException.class,
        gguf(Map.of("llama.rope.scaling.type", GgufValue.of("yarn")), Set.of(), Map.of()),
        "\"yarn\" is not supported");
    refused(
        NotSupportedException.class,
        gguf(Map.of("llama.rope.scaling.attn_factor", GgufValue.float32(2)), Set.of(), Map.of()),
        "'llama.rope.scaling.attn_factor' is 2");
    refused(
        NotSupportedException.class,
        gguf(Map.of("llama.expert_count", GgufValue.uint32(8)), Set.of(), Map.of()),
        "'llama.expert_count' is 8; mixtures of experts are not supported");
    refused(
        NotSupportedException.class,
        gguf(Map.of("llama.attention.causal", GgufValue.of(false)), Set.of(), Map.of()),
        "'llama.attention.causal' is false");
    Path text = folder("\"hidden_size\":64", "\"hidden_size\":\"64\"");
    refusedIn(FormatException.class, text, "'hidden_size' must be a positive whole number");
    Path gelu = folder("\"silu\"", "\"gelu\"");
    refusedIn(NotSupportedException.class, gelu, "'hidden_act' is \"gelu\"");
    Path yarn = folder("\"rope_theta\"", "\"rope_scaling\":{\"type\":\"yarn\"},\"rope_theta\"");
    refusedIn(NotSupportedException.class, yarn, "\"yarn\" is not supported");
    Path bias = folder("\"attention_bias\":false", "\"attention_bias\":true");
    refusedIn(FormatException.class, bias, "q_proj.bias' is missing (expected [64])");
    Path untied = folder("\"tie_word_embeddings\":true", "\"tie_word_embeddings\":false");
    refusedIn(FormatException.class, untied, "'lm_head.weight' is missing (expected [320, 64])");
    Path layers = folder("\"num_hidden_layers\":2", "\"num_hidden_layers\":1");
    refusedIn(FormatException.class, layers, "9 tensors have no place", "model.layers.1.");
  }

  private <T extends RuntimeException> void refusedIn(Class<T> type, Path folder, String... parts) {
    T e = assertThrows(type, () -> logits(folder));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
    assertTrue(e.getMessage().contains(folder.toString()), e.getMessage());
  }

  @Test
  void linearScalingIsTheSameFromBothFormats() throws IOException {
    Map<String, GgufValue> scaling =
        Map.of(
            "llama.rope.scaling.type", GgufValue.of("linear"),
            "llama.rope.scaling.factor", GgufValue.float32(2));
    float[] fromGguf = logits(gguf(scaling, Set.of(), Map.of()));
    String json = "\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0},\"rope_theta\"";
    float[] fromFolder = logits(folder("\"rope_theta\"", json));
    assertTrue(Golden.maxError(fromGguf, fromFolder) < 1e-5);
    float[] plain = logits(Golden.of("llama/llama-F32.gguf"));
    assertTrue(Golden.maxError(fromGguf, plain) > 1e-2, "scaling must do something");
    for (String key : List.of("llama.rope.scaling.factor", "llama.rope.scale_linear")) {
      Map<String, GgufValue> untyped = Map.of(key, GgufValue.float32(2));
      assertArrayEquals(fromGguf, logits(gguf(untyped, Set.of(), Map.of())), key);
      Map<String, GgufValue> zero = Map.of(key, GgufValue.float32(0));
      assertArrayEquals(plain, logits(gguf(zero, Set.of(), Map.of())), key);
      Map<String, GgufValue> none =
          Map.of(key, GgufValue.float32(2), "llama.rope.scaling.type", GgufValue.of("none"));
      assertArrayEquals(plain, logits(gguf(none, Set.of(), Map.of())), key);
      Map<String, GgufValue> negative = Map.of(key, GgufValue.float32(-2));
      refused(FormatException.class, gguf(negative, Set.of(), Map.of()), key, "positive number");
    }
    String modern =
        "\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2.0,\"rope_theta\":10000.0},\"x\"";
    assertArrayEquals(fromFolder, logits(folder("\"rope_theta\"", modern)));
  }

  @Test
  void mistralIsALlamaWithAWindow() throws IOException {
    float[] plain = logits(Golden.of("llama/hf"));
    float[] window =
        logits(
            folder("\"model_type\":\"llama\"", "\"model_type\":\"mistral\",\"sliding_window\":4"));
    float[] wide =
        logits(
            folder("\"model_type\":\"llama\"", "\"model_type\":\"mistral\",\"sliding_window\":99"));
    float[] none =
        logits(
            folder(
                "\"model_type\":\"llama\"", "\"model_type\":\"mistral\",\"sliding_window\":null"));
    assertArrayEquals(plain, wide);
    assertArrayEquals(plain, none);
    float[] llama = logits(folder("\"head_dim\"", "\"sliding_window\":4,\"head_dim\""));
    assertArrayEquals(plain, llama, "a Llama has no window, whatever its settings say");
    int seen = 4 * 320;
    assertArrayEquals(Arrays.copyOf(plain, seen), Arrays.copyOf(window, seen));
    assertFalse(Arrays.equals(plain, window));
  }

  @Test
  void shardsAreOneModel() throws IOException {
    Path target = folder();
    Path single = target.resolve(SafetensorsFolder.SINGLE);
    try (TensorFile from = SafetensorsFolder.open(Golden.of("llama/hf"))) {
      SafetensorsWriter to = new SafetensorsWriter();
      for (String name : from.names()) {
        to.tensor(name, from.spec(name), from.storage(name).segment());
      }
      Files.delete(single);
      to.writeFolder(target, 20_000);
    }
    assertFalse(Files.exists(single));
    assertTrue(Files.exists(target.resolve(SafetensorsFolder.INDEX)));
    assertArrayEquals(logits(Golden.of("llama/hf")), logits(target));
  }

  @Test
  void whatIsNoModelIsExplained() throws IOException {
    refused(FormatException.class, temp.resolve("nothing"), "no such file or folder");
    Path text = Files.writeString(temp.resolve("a.txt"), "hello");
    refused(FormatException.class, text, "not a GGUF file", "give a GGUF file or a Hugging Face");
    Path empty = Files.writeString(temp.resolve("empty.gguf"), "");
    refused(FormatException.class, empty, "not a GGUF file");
    refused(
        FormatException.class,
        Golden.of("llama/hf/model.safetensors"),
        "give the folder that holds it");
    Path bare = Files.createDirectory(temp.resolve("bare"));
    refusedIn(FormatException.class, bare, "no config.json");
    Files.writeString(bare.resolve("config.json"), "{\"model_type\":\"llama\"");
    refusedIn(FormatException.class, bare, "config.json: it must hold a JSON object");
    Files.writeString(bare.resolve("config.json"), "[1]");
    refusedIn(FormatException.class, bare, "config.json: it must hold a JSON object");
    Files.writeString(bare.resolve("config.json"), "null");
    refusedIn(FormatException.class, bare, "config.json: it must hold a JSON object");
    Files.writeString(bare.resolve("config.json"), "{}");
    refusedIn(FormatException.class, bare, "'model_type' must be a text");
    Files.writeString(bare.resolve("config.json"), "{\"model_type\":\"llama\"}");
    refusedIn(FormatException.class, bare, "safetensors");
    Files.writeString(bare.resolve("config.json"), "{\"model_type\":\"rwkv\"}");
    Files.copy(Golden.of("llama/hf/model.safetensors"), bare.resolve(SafetensorsFolder.SINGLE));
    refusedIn(
        NotSupportedException.class,
        bare,
        "architecture 'rwkv' is not supported; there are bert, gpt2, llama, mistral");
  }

  /** The golden folder with its matrices in 8-bit floats, or widened from there. */
  private Path eightBits(ScalarType stored, String... scales) throws IOException {
    Path target = folder();
    SafetensorsWriter to = new SafetensorsWriter().put("format", "pt");
    try (TensorScope _ = TensorScope.open();
        SafetensorsFile from = SafetensorsFile.open(Golden.of("llama/hf/model.safetensors"))) {
      for (String name : from.names()) {
        Tensor t = engine.wrap(from.storage(name), from.spec(name));
        Tensor w = t.shape().rank() == 2 ? t.cast(ScalarType.F8_E4M3).cast(stored) : t;
        to.tensor(name, w.spec(), w.segment());
      }
      for (String name : scales) {
        to.tensor(name, TensorSpec.of(ScalarType.F32), engine.full(ScalarType.F32, 2).segment());
      }
      to.write(target.resolve(SafetensorsFolder.SINGLE));
    }
    return target;
  }

  @Test
  void eightBitWeightsAreReadAsTheyAre() throws IOException {
    assertArrayEquals(logits(eightBits(ScalarType.BF16)), logits(eightBits(ScalarType.F8_E4M3)));
    String scale = "model.layers.0.mlp.up_proj.weight_scale";
    refused(FormatException.class, eightBits(ScalarType.F8_E4M3, scale), "'" + scale + "'");
    assertEquals(ScalarType.BF16, TorchType.of(List.of(ScalarType.F8_E4M3, ScalarType.BF16)));
    assertEquals(ScalarType.F32, TorchType.of(List.of(ScalarType.F8_E4M3, ScalarType.F32)));
  }

  @Test
  void convertedWeightsEndWithTheirOwner() {
    Weights w;
    try (Checkpoint c = Checkpoint.open(Golden.of("llama/hf"))) {
      w = new Weights(engine, c);
      Family model = Families.load(w);
      var norm = model.parameters().get("finalNorm.weight");
      assertEquals(ScalarType.F32, norm.dtype());
      assertEquals(ScalarType.BF16, model.parameters().get("embedding.weight").dtype());
      assertEquals(64, norm.toFloats().length);
      assertEquals(
          List.of("embedding.weight", "blocks.0.attentionNorm.weight"),
          model.parameters().keySet().stream().limit(2).toList());
      w.close();
      var e = assertThrows(RuntimeException.class, norm::toFloats);
      assertTrue(e.getMessage().contains("weights of 'hf'"), e.getMessage());
    }
    assertThrows(dev.quern.core.type.ScopeClosedException.class, w::close);
  }
}

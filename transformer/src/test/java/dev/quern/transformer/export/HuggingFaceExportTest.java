package dev.quern.transformer.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.safetensors.SafetensorsFile;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.model.Model;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.tokenizer.BpeTrainer;
import dev.quern.transformer.tokenizer.BpeTrainingOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders for Transformers: complete, clean, and the same model. */
class HuggingFaceExportTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;
  private Engine engine;

  @BeforeEach
  void open() {
    engine = Engines.of("reference", Precision.EXACT);
  }

  @AfterEach
  void close() {
    engine.close();
  }

  /** What a training run leaves: no roles, no class, and other files beside. */
  private Path run() throws Exception {
    Path run = GgufExportTest.copy("llama/hf", folder.resolve("run"));
    Files.delete(run.resolve("tokenizer_config.json"));
    Files.delete(run.resolve("generation_config.json"));
    Path config = run.resolve("config.json");
    ObjectNode node = (ObjectNode) JSON.readTree(config.toFile());
    node.remove(List.of("architectures", "bos_token_id", "eos_token_id", "torch_dtype"));
    Files.writeString(config, node.toString());
    String text = Files.readString(Golden.of("corpus.txt"));
    BpeTrainer trainer =
        new BpeTrainer(new BpeTrainingOptions(320, 1, List.of("<|endoftext|>", "<pad>"), null));
    trainer.add(text);
    trainer.train().write(run.resolve("tokenizer.json"));
    Files.writeString(run.resolve("optimizer.safetensors"), "not for others");
    return run;
  }

  private float[] logits(Path path, int... tokens) {
    try (Model model = Models.open(path, ModelOptions.of(engine));
        TensorScope _ = TensorScope.open("test")) {
      return model
          .infer(Map.of("tokens", engine.tensor(tokens, 1, tokens.length)))
          .get("logits")
          .toFloats();
    }
  }

  @Test
  void aRunBecomesACompleteFolder() throws Exception {
    Path run = run();
    Path out = folder.resolve("a/b/out");
    var report = new HuggingFaceExport(null).run(engine, run, out, _ -> {});
    List<String> wanted =
        List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json");
    assertEquals(wanted, report.files());
    try (var files = Files.list(out)) {
      assertEquals(wanted, files.map(f -> f.getFileName().toString()).sorted().toList());
    }
    JsonNode config = JSON.readTree(out.resolve("config.json").toFile());
    assertEquals("LlamaForCausalLM", config.path("architectures").path(0).asText());
    assertEquals("bfloat16", config.path("torch_dtype").asText());
    assertEquals(0, config.path("eos_token_id").asInt(-1));
    assertEquals(1, config.path("pad_token_id").asInt(-1));
    assertTrue(config.has("bos_token_id") && config.path("bos_token_id").isNull(), "no default");
    JsonNode tokenizer = JSON.readTree(out.resolve("tokenizer_config.json").toFile());
    assertEquals("<|endoftext|>", tokenizer.path("eos_token").asText());
    assertEquals("<pad>", tokenizer.path("pad_token").asText());
    assertEquals("PreTrainedTokenizerFast", tokenizer.path("tokenizer_class").asText());
    assertEquals(256, tokenizer.path("model_max_length").asInt());
    assertEquals(2, tokenizer.path("model_input_names").size());
    try (SafetensorsFile file = SafetensorsFile.open(out.resolve("model.safetensors"))) {
      assertEquals("pt", file.metadata().get("format"));
    }
    assertArrayEquals(logits(run, 3, 280, 290), logits(out, 3, 280, 290));
    assertEquals(1, Models.openTokenizer(out).vocabulary().endOfGeneration().size());
  }

  @Test
  void theTypeIsAsWanted() throws Exception {
    Path out = folder.resolve("out");
    new HuggingFaceExport(ScalarType.F32).run(engine, Golden.of("gpt2/hf"), out, _ -> {});
    try (SafetensorsFile file = SafetensorsFile.open(out.resolve("model.safetensors"))) {
      file.tensors().values().forEach(t -> assertEquals(ScalarType.F32, t.dtype(), t.name()));
    }
    assertEquals(
        "float32", JSON.readTree(out.resolve("config.json").toFile()).path("torch_dtype").asText());
    assertArrayEquals(logits(Golden.of("gpt2/hf"), 1, 2), logits(out, 1, 2), 1e-5f);
    var e = assertThrows(NotSupportedException.class, () -> new HuggingFaceExport(BlockType.Q8_0));
    assertTrue(e.getMessage().contains("F32, F16, BF16"), e.getMessage());
  }

  @Test
  void nothingIsOverwritten() throws Exception {
    Path out = Files.createDirectory(folder.resolve("out"));
    var export = new HuggingFaceExport(null);
    export.run(engine, Golden.of("bert/hf"), out, _ -> {});
    assertTrue(Files.exists(out.resolve("model.safetensors")));
    var e =
        assertThrows(
            FormatException.class, () -> export.run(engine, Golden.of("bert/hf"), out, _ -> {}));
    assertTrue(e.getMessage().contains("empty folder"), e.getMessage());
    assertThrows(
        NotSupportedException.class,
        () -> export.run(engine, Golden.of("llama/llama-F32.gguf"), folder.resolve("x"), _ -> {}));
    Path broken = GgufExportTest.copy("gpt2/hf", folder.resolve("broken"));
    Files.writeString(broken.resolve("tokenizer.json"), "{}");
    assertThrows(
        FormatException.class, () -> export.run(engine, broken, folder.resolve("y"), _ -> {}));
    assertFalse(Files.exists(folder.resolve("y")));
    try (var files = Files.list(folder)) {
      assertEquals(
          List.of("broken", "out"), files.map(f -> f.getFileName().toString()).sorted().toList());
    }
  }
}

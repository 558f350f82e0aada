package dev.quern.transformer.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.compress.Quantization;
import dev.quern.transformer.model.ClassifierModel;
import dev.quern.transformer.model.Model;
import dev.quern.transformer.model.ModelCard;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.model.Task;
import dev.quern.transformer.tokenizer.EncodeOptions;
import dev.quern.transformer.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The golden folders as GGUF files: the same logits, the same ids, the usual metadata. */
class GgufExportTest {
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

  private Path export(Path from, DType type) {
    Path out = folder.resolve("out-" + (type == null ? "stored" : type.name()) + ".gguf");
    new GgufExport(type).run(engine, from, out, _ -> {});
    return out;
  }

  /** A copy of a golden folder, to be changed. */
  static Path copy(String name, Path to) throws IOException {
    Files.createDirectories(to);
    try (var files = Files.list(Golden.of(name))) {
      for (Path f : files.toList()) {
        Files.copy(f, to.resolve(f.getFileName().toString()));
      }
    }
    return to;
  }

  private float[] outputs(Path path, int[] tokens) {
    try (Model model = Models.open(path, ModelOptions.of(engine));
        TensorScope _ = TensorScope.open("test")) {
      Map<String, Tensor> outputs =
          model.infer(Map.of("tokens", engine.tensor(tokens, 1, tokens.length)));
      return outputs.values().iterator().next().toFloats();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "llama/hf, llama/tokens.json",
    "gpt2/hf, gpt2/tokens.json",
    "bert/hf, bert/tokens.json",
    "classifier/hf, bert/tokens.json"
  })
  void theFileGivesTheLogitsOfTheFolder(String name, String tokensFile) {
    int[] tokens = Golden.ints(Golden.json(Golden.of(tokensFile)));
    float[] before = outputs(Golden.of(name), tokens);
    float[] after = outputs(export(Golden.of(name), ScalarType.F32), tokens);
    assertArrayEquals(before, after, 1e-5f);
  }

  @Test
  void theStoredTypeIsKept() {
    Path out = export(Golden.of("gpt2/hf"), null);
    try (GgufFile file = GgufFile.open(out)) {
      assertEquals(ScalarType.F16, file.spec("blk.0.attn_qkv.weight").dtype());
      assertEquals(ScalarType.F32, file.spec("blk.0.attn_qkv.bias").dtype());
      assertEquals(ScalarType.F32, file.spec("position_embd.weight").dtype());
      assertEquals(ScalarType.F32, file.spec("output_norm.weight").dtype());
    }
    assertArrayEquals(
        outputs(Golden.of("gpt2/hf"), new int[] {5, 7, 9}),
        outputs(out, new int[] {5, 7, 9}),
        1e-5f);
  }

  @ParameterizedTest
  @CsvSource({"llama", "gpt2", "bert"})
  void theFileCutsTextsAsTheFolderDoes(String family) {
    Path out = export(Golden.of(family + "/hf"), ScalarType.F32);
    Tokenizer folderTokenizer = Models.openTokenizer(Golden.of(family + "/hf"));
    Tokenizer tokenizer = Models.openTokenizer(out);
    for (JsonNode c : Golden.json(Golden.of(family + "/tokenizer_cases.json"))) {
      String text = c.get("text").asText();
      int[] ids = tokenizer.encode(text);
      assertArrayEquals(Golden.ints(c.get("ids")), ids, text);
      assertArrayEquals(
          Golden.ints(c.get("idsSpecial")), tokenizer.encode(text, EncodeOptions.SPECIAL), text);
      if (!family.equals("bert")) { // a folder's decoder says how words are joined, GGUF doesn't
        assertEquals(folderTokenizer.decode(ids), tokenizer.decode(ids), text);
      }
    }
  }

  /** The file that the gguf library wrote of the same weights. */
  @Test
  void metadataAreThoseOfTheGgufLibrary() {
    List<String> differing = new ArrayList<>();
    try (GgufFile made = GgufFile.open(export(Golden.of("llama/hf"), ScalarType.F32));
        GgufFile golden = GgufFile.open(Golden.of("llama/llama-F32.gguf"))) {
      Map<String, GgufValue> values = made.metadata().asMap();
      golden
          .metadata()
          .asMap()
          .forEach(
              (key, value) -> {
                GgufValue own = values.get(key);
                boolean same =
                    own instanceof GgufValue.Array a && value instanceof GgufValue.Array b
                        ? a.elementType() == b.elementType() && a.values().equals(b.values())
                        : value.equals(own);
                if (!same) {
                  differing.add(key);
                }
              });
      // The name is the folder's; scores are ranks of merges there, and of pieces here.
      assertEquals(List.of("general.name", "tokenizer.ggml.scores"), differing);
      assertEquals(golden.names(), java.util.Set.copyOf(made.names()));
      for (String name : golden.names()) {
        assertEquals(golden.spec(name), made.spec(name), name);
        assertEquals(
            -1, golden.storage(name).segment().mismatch(made.storage(name).segment()), name);
      }
    }
  }

  @Test
  void bertSaysWhatItIs() {
    try (GgufFile file = GgufFile.open(export(Golden.of("classifier/hf"), ScalarType.F32))) {
      var m = file.metadata();
      assertEquals("bert", m.string("general.architecture"));
      assertEquals("gelu", m.string("bert.hidden_activation"));
      assertEquals(4, m.integer("bert.pooling_type"));
      assertEquals(2, m.integer("tokenizer.ggml.token_type_count"));
      assertEquals("false", m.find("bert.attention.causal").orElseThrow().toString());
      assertEquals(2, m.integer("tokenizer.ggml.bos_token_id"));
      assertEquals(3, m.integer("tokenizer.ggml.seperator_token_id"));
    }
    try (Model model = Models.open(folder.resolve("out-F32.gguf"))) {
      assertEquals(
          List.of("grain", "stone", "song"), ((ClassifierModel) model).classifier().labels());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"F16", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q6_K"})
  void quantisedOnTheWayIsQuantisedAfterwards(String name) throws Exception {
    DType type = DType.of(name);
    Path whole = export(Golden.of("llama/hf"), ScalarType.F32);
    Path after = folder.resolve("after.gguf");
    Quantization.of(type).run(engine, whole, after, _ -> {});
    assertEquals(-1, Files.mismatch(after, export(Golden.of("llama/hf"), type)));
  }

  @Test
  void theReportSaysWhatBecameOfTheTensors() {
    GgufExport.Report report =
        GgufExport.of(BlockType.Q4_K)
            .run(engine, Golden.of("bert/hf"), folder.resolve("a.gguf"), _ -> {});
    assertEquals(BlockType.Q4_K, report.type());
    assertEquals(BlockType.Q8_0, report.fallbacks().get("blk.0.attn_q.weight"));
    assertTrue(report.leftOut().contains("cls.predictions.bias"), report.toString());
    assertFalse(report.leftOut().contains("bert.embeddings.word_embeddings.weight"));
    assertEquals(folder.resolve("a.gguf").toFile().length(), report.bytes());
  }

  @Test
  void theModelCardGoesAlong() throws Exception {
    Path from = copy("llama/hf", folder.resolve("hf"));
    var card =
        new ModelCard(
            "Miller",
            "1.2.3",
            "llama",
            Task.TEXT_GENERATION,
            "CC0-1.0",
            "eight sentences",
            Map.of("loss", 0.25),
            ModelCard.Lineage.NONE,
            Map.of("limits", "knows eight sentences"));
    Files.writeString(from.resolve(ModelCard.FILE_NAME), card.toJson());
    try (Model model = Models.open(export(from, ScalarType.F32))) {
      assertEquals(card, model.card());
    }
    try (Model model = Models.open(from)) {
      assertEquals(card, model.card());
    }
    try (GgufFile file = GgufFile.open(folder.resolve("out-F32.gguf"))) {
      assertEquals("Miller", file.metadata().string("general.name"));
      assertEquals("1.2.3", file.metadata().string("general.version"));
      assertEquals("CC0-1.0", file.metadata().string("general.license"));
    }
  }

  @Test
  void rotaryScalingGoesAlong() throws Exception {
    for (String rope :
        List.of(
            "{\"rope_type\":\"linear\",\"factor\":2.0}",
            "{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,"
                + "\"high_freq_factor\":4.0,\"original_max_position_embeddings\":16}")) {
      Path from = copy("llama/hf", folder.resolve("rope" + rope.length()));
      Path config = from.resolve("config.json");
      String text = Files.readString(config);
      Files.writeString(
          config, text.replaceFirst("\\{", "{\"rope_scaling\":" + rope.replace("\\", "") + ","));
      int[] tokens = new int[60];
      for (int i = 0; i < tokens.length; i++) {
        tokens[i] = 260 + i % 50;
      }
      float[] before = outputs(from, tokens);
      float[] after = outputs(export(from, ScalarType.F32), tokens);
      assertArrayEquals(before, after, 1e-4f, rope);
      assertTrue(Golden.maxError(outputs(Golden.of("llama/hf"), tokens), before) > 1e-3, rope);
    }
  }

  private void refused(Path from, String part) {
    Path out = folder.resolve("refused.gguf");
    var e =
        assertThrows(
            NotSupportedException.class,
            () -> GgufExport.asStored().run(engine, from, out, _ -> {}));
    assertTrue(e.getMessage().contains(part), e.getMessage());
    assertFalse(Files.exists(out));
  }

  @Test
  void whatCannotBeSaidIsRefused() throws Exception {
    refused(Golden.of("llama/llama-F32.gguf"), "quern quantize");
    Path other = copy("llama/hf", folder.resolve("other"));
    Path config = other.resolve("config.json");
    Files.writeString(config, Files.readString(config).replace("\"llama\"", "\"gemma\""));
    refused(other, "there are bert, gpt2, llama, mistral");
    Path plain = copy("gpt2/hf", folder.resolve("plain"));
    Files.delete(plain.resolve("tokenizer.json"));
    refused(plain, "tokenizer.json");
    assertThrows(NotSupportedException.class, () -> GgufExport.of(BlockType.MXFP4));
  }
}

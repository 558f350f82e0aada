package dev.quern.transformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tokenizers of folders in the words of GGUF. */
class GgufVocabularyTest {
  private static final String LLAMA3 =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  @TempDir private Path folder;

  private static TokenizerMetadata written(Path folder, int size) {
    return Tokenizers.toMetadata(folder, size, Map.of());
  }

  private Path trained(String pattern, String... special) throws IOException {
    String text = Files.readString(Golden.of("corpus.txt"));
    BpeTrainer trainer =
        new BpeTrainer(new BpeTrainingOptions(300 + special.length, 2, List.of(special), pattern));
    trainer.add(text);
    trainer.train().write(folder.resolve("tokenizer.json"));
    return folder;
  }

  private static void sameIds(Tokenizer a, TokenizerMetadata metadata, String text) {
    Tokenizer b = Tokenizers.fromMetadata(metadata);
    assertArrayEquals(a.encode(text), b.encode(text), text);
    assertEquals(a.decode(a.encode(text)), b.decode(b.encode(text)));
    assertArrayEquals(
        a.encode(text, EncodeOptions.SPECIAL), b.encode(text, EncodeOptions.SPECIAL), text);
  }

  @Test
  void aTrainedVocabularyIsNamedByItsPattern() throws Exception {
    trained(null, "<|endoftext|>");
    Tokenizer tokenizer = Tokenizers.fromFolder(folder);
    TokenizerMetadata m = written(folder, tokenizer.vocabularySize() + 3);
    assertEquals("gpt2", m.values().get("tokenizer.ggml.model"));
    assertEquals("gpt-2", m.values().get("tokenizer.ggml.pre"));
    sameIds(tokenizer, m, "The miller's hand, 1234  zwölf <|endoftext|> stone\n\n");
    int[] types = (int[]) m.values().get("tokenizer.ggml.token_type");
    assertEquals(TokenType.CONTROL.code(), types[0]);
    assertEquals(TokenType.UNUSED.code(), types[types.length - 1]);
    trained(LLAMA3);
    assertEquals("dbrx", written(folder, 400).values().get("tokenizer.ggml.pre"));
    sameIds(Tokenizers.fromFolder(folder), written(folder, 400), "THE miller's 12345 STONE?!\n");
  }

  @Test
  void anUnknownPatternIsRefused() throws Exception {
    trained("[a-z]+|[^a-z]+");
    var e = assertThrows(NotSupportedException.class, () -> written(folder, 400));
    assertTrue(e.getMessage().contains("pre_tokenizer"), e.getMessage());
    assertTrue(e.getMessage().contains("gpt-2"), e.getMessage());
  }

  @Test
  void charactersAreBytesAsLongAsTheyAreAscii() throws Exception {
    String text = "ROMEO: But soft,\nwhat light?\t&";
    CharacterVocabulary.of(text).write(folder.resolve("tokenizer.json"));
    Tokenizer tokenizer = Tokenizers.fromFolder(folder);
    TokenizerMetadata m = written(folder, tokenizer.vocabularySize());
    sameIds(tokenizer, m, text);
    sameIds(tokenizer, m, "light ü soft €");
    assertArrayEquals(new int[0], Tokenizers.fromMetadata(m).encode("ü"));
    CharacterVocabulary.of("naïve").write(folder.resolve("tokenizer.json"));
    var e = assertThrows(NotSupportedException.class, () -> written(folder, 10));
    assertTrue(e.getMessage().contains("ASCII"), e.getMessage());
  }

  @Test
  void rolesOfTheSettingsFillThoseThatTheFolderDoesNotName() throws Exception {
    trained(null, "<|endoftext|>", "<pad>");
    var m = Tokenizers.toMetadata(folder, 400, Map.of(SpecialRole.EOS, 0, SpecialRole.PAD, 1));
    assertEquals(0, m.values().get("tokenizer.ggml.eos_token_id"));
    assertEquals(1, m.values().get("tokenizer.ggml.padding_token_id"));
    assertTrue(Tokenizers.fromMetadata(m).vocabulary().isEndOfGeneration(0));
    assertEquals(false, m.values().get("tokenizer.ggml.add_bos_token"));
  }

  /** As an encoder's tokenizer of a training run is. */
  @Test
  void bytePairsBetweenClsAndSepBeginAndEndWithThem() throws Exception {
    trained(null, "[PAD]", "[CLS]", "[SEP]", "[MASK]");
    Path file = folder.resolve("tokenizer.json");
    String template =
        "{\"type\":\"TemplateProcessing\",\"single\":["
            + "{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}},"
            + "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
            + "{\"SpecialToken\":{\"id\":\"[SEP]\",\"type_id\":0}}],\"special_tokens\":{"
            + "\"[CLS]\":{\"id\":\"[CLS]\",\"ids\":[1],\"tokens\":[\"[CLS]\"]},"
            + "\"[SEP]\":{\"id\":\"[SEP]\",\"ids\":[2],\"tokens\":[\"[SEP]\"]}}}";
    Files.writeString(
        file,
        Files.readString(file)
            .replace("\"post_processor\" : null", "\"post_processor\" : " + template));
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        TokenizerSettings.of(folder, Map.of(), 0, false).toJson());
    TokenizerMetadata m = written(folder, 400);
    assertEquals(1, m.values().get("tokenizer.ggml.bos_token_id"));
    assertEquals(2, m.values().get("tokenizer.ggml.eos_token_id"));
    assertEquals(1, m.values().get("tokenizer.ggml.cls_token_id"));
    assertEquals(true, m.values().get("tokenizer.ggml.add_bos_token"));
    assertEquals(true, m.values().get("tokenizer.ggml.add_eos_token"));
    Tokenizer tokenizer = Tokenizers.fromFolder(folder);
    sameIds(tokenizer, m, "the miller [MASK] stone");
    int[] ids = Tokenizers.fromMetadata(m).encode("stone", EncodeOptions.ADD_SPECIAL);
    assertEquals(1, ids[0]);
    assertEquals(2, ids[ids.length - 1]);
  }

  @Test
  void aVocabularyLargerThanTheModelIsRefused() throws Exception {
    trained(null);
    var e = assertThrows(FormatException.class, () -> written(folder, 10));
    assertTrue(e.getMessage().contains("a model that has 10"), e.getMessage());
  }

  private void changed(String from, String to, String part) throws IOException {
    Path file = folder.resolve("tokenizer.json");
    String text = Files.readString(file);
    assertTrue(text.contains(from), from);
    Files.writeString(file, text.replace(from, to));
    var e = assertThrows(NotSupportedException.class, () -> written(folder, 500));
    assertTrue(e.getMessage().contains(part), e.getMessage());
    Files.writeString(file, text);
  }

  @Test
  void whatGgufCannotSayIsRefused() throws Exception {
    trained(null, "<|endoftext|>");
    changed("\"normalizer\" : null", "\"normalizer\" : {\"type\":\"NFC\"}", "normalizer");
    changed("\"add_prefix_space\" : false", "\"add_prefix_space\" : true", "add_prefix_space");
    changed("\"rstrip\" : false", "\"rstrip\" : true", "rstrip");
    changed(
        "\"post_processor\" : null",
        "\"post_processor\" :"
            + " {\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":"
            + "\"x\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"special_tokens\":"
            + "{\"x\":{\"id\":\"x\",\"ids\":[5],\"tokens\":[\"x\"]}}}",
        "before a text");
    Files.copy(
        Golden.of("bert/hf/tokenizer.json"),
        folder.resolve("tokenizer.json"),
        java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    Files.copy(Golden.of("bert/hf/tokenizer_config.json"), folder.resolve("tokenizer_config.json"));
    changed("\"clean_text\":true", "\"clean_text\":false", "clean_text");
    changed("\"type\":\"BertPreTokenizer\"", "\"type\":\"WhitespaceSplit\"", "BertPreTokenizer");
  }

  @Test
  void mergesThatScoresCannotExpressAreFoundOut() throws Exception {
    // Of two pairs that make the same piece one has no merge: scores would merge it all the same.
    Path file = folder.resolve("tokenizer.json");
    StringBuilder vocab = new StringBuilder("\"<unk>\":0");
    for (int b = 0; b < 256; b++) {
      vocab.append(",\"<0x%02X>\":%d".formatted(b, b + 1));
    }
    vocab.append(",\"a\":257,\"b\":258,\"c\":259,\"bc\":260,\"ab\":261,\"abc\":262");
    Files.writeString(
        file,
        "{\"added_tokens\":[],\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
            + "{\"type\":\"Prepend\",\"prepend\":\"\u2581\"},{\"type\":\"Replace\",\"pattern\":"
            + "{\"String\":\" \"},\"content\":\"\u2581\"}]},\"pre_tokenizer\":null,"
            + "\"post_processor\":null,"
            + "\"decoder\":{\"type\":\"Fuse\"},\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,"
            + "\"unk_token\":\"<unk>\",\"vocab\":{"
            + vocab
            + "},\"merges\":[[\"b\",\"c\"],[\"a\",\"b\"],[\"ab\",\"c\"]]}}");
    var e = assertThrows(NotSupportedException.class, () -> written(folder, 263));
    assertTrue(e.getMessage().contains("abc"), e.getMessage());
  }

  @Test
  void settingsForTransformersNameTheRoles() throws Exception {
    trained(null, "<|endoftext|>", "<pad>");
    var settings = TokenizerSettings.of(folder, Map.of(), 64, true);
    assertEquals(Map.of(SpecialRole.EOS, 0, SpecialRole.PAD, 1), settings.roles());
    Files.writeString(folder.resolve("tokenizer_config.json"), settings.toJson());
    var vocabulary = Tokenizers.fromFolder(folder).vocabulary();
    assertEquals(settings.roles(), vocabulary.roles());
    assertTrue(settings.toJson().contains("\"model_max_length\" : 64"), settings.toJson());
    var other = TokenizerSettings.of(folder, Map.of(SpecialRole.BOS, 0), 0, true);
    assertTrue(other.toJson().contains("\"bos_token\" : \"<|endoftext|>\""), other.toJson());
  }
}

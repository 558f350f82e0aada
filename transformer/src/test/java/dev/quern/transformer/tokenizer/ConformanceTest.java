package dev.quern.transformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.transformer.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Real vocabularies, with ids from llama.cpp and from SentencePiece. */
class ConformanceTest {
  private static Tokenizer open(Path file) {
    try (GgufFile gguf = GgufFile.open(file)) {
      return Tokenizers.fromGguf(gguf);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-spm", "llama-bpe", "gpt-2", "bert-bge"})
  void publishedTexts(String name) throws IOException {
    Path file = Golden.outside("tokenizers/ggml-vocab-" + name + ".gguf");
    Tokenizer tokenizer = open(file);
    List<String> texts =
        List.of(Files.readString(Path.of(file + ".inp")).split("\n__ggml_vocab_test__\n", -1));
    List<String> lines = Files.readAllLines(Path.of(file + ".out"));
    assertTrue(lines.size() >= 40 && texts.size() >= lines.size());
    for (int i = 0; i < lines.size(); i++) {
      int[] expected =
          Arrays.stream(lines.get(i).trim().split(" +"))
              .filter(id -> !id.isEmpty())
              .mapToInt(Integer::parseInt)
              .toArray();
      assertArrayEquals(expected, tokenizer.encode(texts.get(i)), texts.get(i));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-spm", "llama-bpe", "gpt-2", "bert-bge"})
  void furtherTexts(String name) {
    JsonNode extra = Golden.json(Golden.outside("tokenizers/" + name + ".extra.json"));
    Tokenizer tokenizer = open(Golden.outside("tokenizers/ggml-vocab-" + name + ".gguf"));
    assertEquals(extra.get("n_tokens").asInt(), tokenizer.vocabularySize());
    assertTrue(extra.get("cases").size() >= 50);
    for (JsonNode row : extra.get("cases")) {
      String text = row.get("text").textValue();
      int[] ids = Golden.ints(row.get("ids"));
      assertArrayEquals(ids, tokenizer.encode(text), text);
      assertArrayEquals(
          Golden.ints(row.get("ids_add_special")),
          tokenizer.encode(text, EncodeOptions.ADD_SPECIAL),
          text);
      assertArrayEquals(
          Golden.ints(row.get("ids_add_special_parse_special")),
          tokenizer.encode(text, EncodeOptions.SPECIAL),
          text);
      byte[] bytes = HexFormat.of().parseHex(row.get("detokenized_hex").textValue());
      assertArrayEquals(bytes, tokenizer.decodeBytes(ids, DecodeOptions.TEXT), text);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-spm", "llama-bpe", "gpt-2"})
  void anyTextComesBack(String name) {
    Tokenizer tokenizer = open(Golden.outside("tokenizers/ggml-vocab-" + name + ".gguf"));
    RandomText texts = new RandomText(21);
    for (int i = 0; i < 3000; i++) {
      String text = texts.next();
      if (name.equals("llama-spm")) {
        // There this character is the spelling of a space.
        text = text.replace("\u2581", "");
      }
      int[] ids = tokenizer.encode(text);
      assertEquals(text, tokenizer.decode(ids));
      StreamingDecoder decoder = tokenizer.streamingDecoder(DecodeOptions.TEXT);
      StringBuilder streamed = new StringBuilder();
      for (int id : ids) {
        String part = decoder.push(id);
        assertFalse(part.indexOf('\uFFFD') >= 0 && text.indexOf('\uFFFD') < 0, text);
        streamed.append(part);
      }
      assertEquals(text, streamed.append(decoder.flush()).toString());
    }
  }

  @Test
  void aTrainedModelsTwoFilesAgree() {
    Path folder = Golden.outside("models/stories260K");
    Tokenizer gguf = open(folder.resolve("stories260K-F32.gguf"));
    Tokenizer json = Tokenizers.fromFolder(folder.resolve("hf"));
    JsonNode cases = Golden.json(folder.resolve("tokenizer_cases.json"));
    assertTrue(cases.size() >= 15);
    for (JsonNode row : cases) {
      String text = row.get("text").textValue();
      int[] ids = Golden.ints(row.get("ids"));
      for (Tokenizer tokenizer : List.of(gguf, json)) {
        assertArrayEquals(ids, tokenizer.encode(text, EncodeOptions.ADD_SPECIAL), text);
        assertEquals(row.get("decoded").textValue(), tokenizer.decode(ids), text);
      }
    }
    RandomText texts = new RandomText(22);
    for (int i = 0; i < 2000; i++) {
      String text = texts.next();
      assertArrayEquals(gguf.encode(text), json.encode(text), text);
    }
    for (SpecialRole role : List.of(SpecialRole.BOS, SpecialRole.EOS, SpecialRole.UNK)) {
      assertEquals(gguf.vocabulary().id(role), json.vocabulary().id(role), role.toString());
    }
    assertEquals(List.of(2), gguf.vocabulary().endOfGeneration());
    assertEquals(List.of(2), json.vocabulary().endOfGeneration());
  }

  @Test
  void aGenerationGoesOnFromItsPrompt() {
    Path folder = Golden.outside("models/stories260K");
    Tokenizer tokenizer = open(folder.resolve("stories260K-F32.gguf"));
    for (JsonNode row : Golden.json(folder.resolve("greedy.json")).get("cases")) {
      int[] prompt = Golden.ints(row.get("prompt_ids"));
      int[] ids = Golden.ints(row.get("ids"));
      int[] all = Arrays.copyOf(prompt, prompt.length + ids.length);
      System.arraycopy(ids, 0, all, prompt.length, ids.length);
      assertEquals(row.get("text").textValue(), tokenizer.decode(ids));
      assertEquals(
          tokenizer.decode(all),
          tokenizer.decode(prompt) + tokenizer.decode(ids, DecodeOptions.CONTINUATION));
    }
  }
}

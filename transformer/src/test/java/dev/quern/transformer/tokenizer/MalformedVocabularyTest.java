package dev.quern.transformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.QuernException;
import dev.quern.transformer.Golden;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Vocabularies that are damaged, or that ask for what isn't there: errors that name the place. */
class MalformedVocabularyTest {
  private static final String P = "tokenizer.ggml.";
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;

  private static Map<String, Object> sentencePiece() {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
    List<Integer> types = new ArrayList<>(List.of(2, 3, 3));
    for (int b = 0; b < 256; b++) {
      tokens.add(String.format("<0x%02X>", b));
      types.add(6);
    }
    List.of("\u2581", "a", "b", "ab", "\u2581ab").forEach(tokens::add);
    types.addAll(Collections.nCopies(5, 1));
    Map<String, Object> values = new HashMap<>();
    values.put(P + "model", "llama");
    values.put(P + "tokens", tokens);
    values.put(P + "token_type", types);
    values.put(P + "scores", new ArrayList<>(Collections.nCopies(tokens.size(), -1.5f)));
    values.put(P + "bos_token_id", 1L);
    values.put(P + "eos_token_id", 2L);
    return values;
  }

  private static Map<String, Object> bytePairs() {
    List<String> tokens = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      tokens.add(String.valueOf(ByteLevelAlphabet.charOf(b)));
    }
    tokens.add("ab");
    tokens.add("<|endoftext|>");
    Map<String, Object> values = new HashMap<>();
    values.put(P + "model", "gpt2");
    values.put(P + "pre", "gpt-2");
    values.put(P + "tokens", tokens);
    values.put(P + "merges", new ArrayList<>(List.of("a b")));
    values.put(P + "eos_token_id", 257L);
    return values;
  }

  private static Tokenizer load(Map<String, Object> values) {
    return Tokenizers.fromMetadata(new TokenizerMetadata("model.gguf", values));
  }

  private static void refused(
      Class<? extends QuernException> type,
      String key,
      Map<String, Object> values,
      Consumer<Map<String, Object>> damage) {
    damage.accept(values);
    QuernException e = assertThrows(type, () -> load(values), key);
    String message = String.valueOf(e.getMessage());
    assertTrue(message.contains("model.gguf") && message.contains(key), message);
  }

  private static void malformed(String key, Consumer<Map<String, Object>> damage) {
    refused(FormatException.class, key, sentencePiece(), damage);
  }

  private static void malformedPairs(String key, Consumer<Map<String, Object>> damage) {
    refused(FormatException.class, key, bytePairs(), damage);
  }

  @SuppressWarnings("unchecked")
  private static List<Object> list(Map<String, Object> values, String key) {
    return (List<Object>) Objects.requireNonNull(values.get(P + key));
  }

  @Test
  void soundOnesLoad() {
    assertArrayEquals(new int[] {263}, load(sentencePiece()).encode("ab"));
    assertArrayEquals(new int[] {256, 'c'}, load(bytePairs()).encode("abc"));
  }

  @Test
  void keysOfGgufFiles() {
    malformed(P + "model", v -> v.remove(P + "model"));
    malformed(P + "model", v -> v.put(P + "model", 7L));
    malformed(P + "tokens", v -> v.remove(P + "tokens"));
    malformed(P + "tokens", v -> v.put(P + "tokens", List.of()));
    malformed(P + "tokens", v -> v.put(P + "tokens", "text"));
    malformed(P + "tokens[1]", v -> v.put(P + "tokens", List.of("a", 3L)));
    malformed(P + "tokens", v -> list(v, "tokens").set(5, "<unk>"));
    malformed(P + "scores", v -> v.remove(P + "scores"));
    malformed(P + "scores", v -> list(v, "scores").removeLast());
    malformed(P + "scores[4]", v -> list(v, "scores").set(4, Float.NaN));
    malformed(P + "scores[4]", v -> list(v, "scores").set(4, "x"));
    malformed(P + "token_type", v -> list(v, "token_type").add(1));
    malformed(P + "token_type", v -> v.put(P + "token_type", true));
    malformed(P + "bos_token_id", v -> v.put(P + "bos_token_id", 264L));
    malformed(P + "eos_token_id", v -> v.put(P + "eos_token_id", -1L));
    malformed(P + "eos_token_id", v -> v.put(P + "eos_token_id", 1L << 33));
    malformed(P + "unknown_token_id", v -> v.put(P + "unknown_token_id", 0.5));
    malformed(P + "add_bos_token", v -> v.put(P + "add_bos_token", 1L));
    malformedPairs(P + "merges", v -> v.remove(P + "merges"));
    malformedPairs(P + "merges[1]", v -> list(v, "merges").add("b a"));
    malformedPairs(P + "merges[1]", v -> list(v, "merges").add("xyz a"));
    malformedPairs(P + "merges[1]", v -> list(v, "merges").add("a xyz"));
    malformedPairs(P + "merges[1]", v -> list(v, "merges").add("ab"));
    malformedPairs(P + "merges[1]", v -> list(v, "merges").add(""));
    malformedPairs(P + "merges[1]", v -> list(v, "merges").add(" "));
    malformedPairs(P + "merges[1]", v -> list(v, "merges").add("a "));
    malformedPairs(P + "add_bos_token", v -> v.put(P + "add_bos_token", true));
  }

  @Test
  void kindsThatAreNotThereYet() {
    refused(NotSupportedException.class, "rwkv", sentencePiece(), v -> v.put(P + "model", "rwkv"));
    refused(NotSupportedException.class, "llama-bpe", bytePairs(), v -> v.put(P + "pre", "nope"));
  }

  @Test
  void wordPieceNeedsItsSpecialTokens() {
    Map<String, Object> values = new HashMap<>();
    values.put(P + "model", "bert");
    values.put(P + "tokens", List.of("[UNK]", "[CLS]", "[SEP]", "\u2581a"));
    FormatException e = assertThrows(FormatException.class, () -> load(values));
    assertTrue(String.valueOf(e.getMessage()).contains("unknown_token_id"), e.getMessage());
    values.put(P + "unknown_token_id", 0L);
    values.put(P + "cls_token_id", 1L);
    values.put(P + "seperator_token_id", 2L);
    assertArrayEquals(new int[] {1, 3, 0, 2}, load(values).encode("A b", EncodeOptions.SPECIAL));
  }

  @Test
  void idsOutsideTheVocabulary() {
    Tokenizer tokenizer = load(sentencePiece());
    for (int id : new int[] {-1, 264, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      IndexOutOfBoundsException e =
          assertThrows(IndexOutOfBoundsException.class, () -> tokenizer.decode(id));
      assertTrue(String.valueOf(e.getMessage()).contains("264"), e.getMessage());
      assertThrows(IndexOutOfBoundsException.class, () -> tokenizer.vocabulary().text(id));
    }
  }

  private Path file(String content) {
    try {
      return Files.writeString(folder.resolve("tokenizer.json"), content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void refusedJson(
      Class<? extends QuernException> type, String place, Consumer<ObjectNode> damage) {
    ObjectNode root = (ObjectNode) Golden.json(VectorsTest.resource("byte-level.json"));
    damage.accept(root);
    Path file = file(root.toString());
    QuernException e = assertThrows(type, () -> Tokenizers.fromJson(file), place);
    String message = String.valueOf(e.getMessage());
    assertTrue(message.contains("tokenizer.json") && message.contains(place), message);
  }

  private void malformedJson(String place, Consumer<ObjectNode> damage) {
    refusedJson(FormatException.class, place, damage);
  }

  private void unsupportedJson(String key, String type) {
    refusedJson(
        NotSupportedException.class,
        type,
        root -> root.set(key, JSON.createObjectNode().put("type", type)));
  }

  private static ObjectNode model(ObjectNode root) {
    return (ObjectNode) root.get("model");
  }

  @Test
  void placesOfJsonFiles() {
    malformedJson("model", root -> root.remove("model"));
    malformedJson("model", root -> root.put("model", 1));
    malformedJson("model.vocab", root -> model(root).remove("vocab"));
    malformedJson("model.vocab.x", root -> ((ObjectNode) model(root).get("vocab")).put("x", "1"));
    malformedJson("model.vocab.x", root -> ((ObjectNode) model(root).get("vocab")).put("x", 0));
    malformedJson("model.vocab.x", root -> ((ObjectNode) model(root).get("vocab")).put("x", -1));
    malformedJson(
        "model.vocab.x", root -> ((ObjectNode) model(root).get("vocab")).put("x", 2_000_000_000));
    malformedJson("model.merges", root -> model(root).remove("merges"));
    malformedJson("model.merges", root -> model(root).put("merges", "a b"));
    malformedJson("model.merges[0]", root -> model(root).putArray("merges").add("a"));
    malformedJson("model.merges[0]", root -> model(root).putArray("merges").add("zq xx"));
    malformedJson("model.merges[0]", root -> model(root).putArray("merges").addArray().add("a"));
    malformedJson("model.merges[1]", root -> model(root).putArray("merges").add("e r").add(5));
    malformedJson("model.unk_token", root -> model(root).put("unk_token", "<none>"));
    malformedJson("ignore_merges", root -> model(root).put("ignore_merges", "yes"));
    malformedJson("normalizer.type", root -> root.putObject("normalizer"));
    malformedJson("normalizer", root -> root.put("normalizer", "NFC"));
    malformedJson("added_tokens", root -> root.put("added_tokens", true));
    malformedJson("added_tokens[0].id", root -> root.putArray("added_tokens").addObject());
    malformedJson(
        "added_tokens[0]",
        root -> root.putArray("added_tokens").addObject().put("id", 5).put("content", "<new>"));
    malformedJson(
        "special_tokens",
        root -> ((ObjectNode) root.get("post_processor")).putObject("special_tokens"));
    malformedJson("single", root -> ((ObjectNode) root.get("post_processor")).putArray("single"));
    malformedJson(
        "pre_tokenizer.pretokenizers[0].behavior",
        root ->
            ((ObjectNode) root.get("pre_tokenizer").get("pretokenizers").get(0))
                .put("behavior", "Sometimes"));
  }

  @Test
  void partsOfJsonFilesThatAreNotThereYet() {
    unsupportedJson("normalizer", "Precompiled");
    unsupportedJson("pre_tokenizer", "UnicodeScripts");
    unsupportedJson("decoder", "CTC");
    unsupportedJson("post_processor", "Nope");
    refusedJson(NotSupportedException.class, "Unigram", root -> model(root).put("type", "Unigram"));
    refusedJson(NotSupportedException.class, "dropout", root -> model(root).put("dropout", 0.1));
    refusedJson(
        NotSupportedException.class,
        "(?<n>a)\\k",
        root -> {
          ObjectNode split =
              (ObjectNode) root.get("pre_tokenizer").get("pretokenizers").get(0).get("pattern");
          split.put("Regex", "(?<n>a)\\k<n>");
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "null",
        "{\"model\":}",
        "{\"a\":1,\"a\":2}",
        "{} x",
        "\"text\"",
        "1e"
      })
  void notJson(String content) {
    FormatException e =
        assertThrows(FormatException.class, () -> Tokenizers.fromJson(file(content)));
    assertTrue(String.valueOf(e.getMessage()).contains("tokenizer.json"), e.getMessage());
  }

  @Test
  void deepNestingAndBytesThatAreNoText() throws IOException {
    Path deep = file("{\"model\":" + "[".repeat(200_000) + "]".repeat(200_000) + "}");
    assertThrows(FormatException.class, () -> Tokenizers.fromJson(deep));
    Path latin = folder.resolve("latin.json");
    Files.write(latin, "{\"model\":\"\u00E9\"}".getBytes(StandardCharsets.ISO_8859_1));
    assertThrows(FormatException.class, () -> Tokenizers.fromJson(latin));
    assertThrows(
        UncheckedIOException.class, () -> Tokenizers.fromJson(folder.resolve("missing.json")));
    assertThrows(
        NotSupportedException.class, () -> Tokenizers.fromFolder(folder.resolve("missing")));
  }

  @Test
  void flippedBytesNeverEscapeTheTypedErrors() throws IOException {
    Random random = new Random(5);
    for (String name : List.of("byte-level", "sentence-piece", "word-piece", "suffixes")) {
      byte[] sound = Files.readAllBytes(VectorsTest.resource(name + ".json"));
      for (int round = 0; round < 60; round++) {
        byte[] bytes = sound.clone();
        for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
          bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
        int length = random.nextInt(4) == 0 ? random.nextInt(bytes.length) : bytes.length;
        Path file = folder.resolve("flipped.json");
        Files.write(file, java.util.Arrays.copyOf(bytes, length));
        try {
          Tokenizer tokenizer = Tokenizers.fromJson(file);
          int[] ids = tokenizer.encode("some text, 123", EncodeOptions.SPECIAL);
          tokenizer.decode(ids);
        } catch (QuernException e) {
          assertTrue(String.valueOf(e.getMessage()).contains("flipped.json"), e.getMessage());
        }
      }
    }
  }

  @Test
  void arraysOfAnyPrimitiveTypeAreRead() {
    Map<String, Object> values = sentencePiece();
    List<Object> tokens = list(values, "tokens");
    values.put(P + "tokens", tokens.toArray(new String[0]));
    float[] scores = new float[tokens.size()];
    double[] wide = new double[tokens.size()];
    values.put(P + "scores", scores);
    assertEquals(264, load(values).vocabularySize());
    values.put(P + "scores", wide);
    values.put(P + "token_type", new long[tokens.size()]);
    assertEquals(TokenType.UNUSED, load(values).vocabulary().type(0));
  }
}

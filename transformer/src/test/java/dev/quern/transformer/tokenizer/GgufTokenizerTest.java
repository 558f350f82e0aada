package dev.quern.transformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Tokenizers from small hand-made metadata. */
class GgufTokenizerTest {
  private static final String P = "tokenizer.ggml.";

  /** Metadata whose tokens are given as text, type code and score. */
  private static Map<String, Object> metadata(String model, Object... tokens) {
    List<String> texts = new ArrayList<>();
    List<Integer> types = new ArrayList<>();
    List<Float> scores = new ArrayList<>();
    for (int i = 0; i < tokens.length; i += 3) {
      texts.add((String) tokens[i]);
      types.add((Integer) tokens[i + 1]);
      scores.add(((Number) tokens[i + 2]).floatValue());
    }
    Map<String, Object> values = new HashMap<>();
    values.put(P + "model", model);
    values.put(P + "tokens", texts);
    values.put(P + "token_type", types);
    values.put(P + "scores", scores);
    return values;
  }

  private static Tokenizer load(Map<String, Object> values) {
    return Tokenizers.fromMetadata(new TokenizerMetadata("test.gguf", values));
  }

  @Test
  void scoresDecideAndTheLeftmostGoesFirst() {
    Map<String, Object> values =
        metadata(
            "llama", "<unk>", 2, 0, "<s>", 3, 0, "</s>", 3, 0, "a", 1, -9, "b", 1, -9, "aa", 1, -2,
            "ab", 1, -1, "aab", 1, -0.5, "ba", 1, -1.0);
    values.put(P + "add_space_prefix", false);
    Tokenizer tokenizer = load(values);
    // a a b: ab (-1) before aa (-2), then a + ab.
    assertArrayEquals(new int[] {7}, tokenizer.encode("aab"));
    // a b a: ab and ba score alike; the left one is taken.
    assertArrayEquals(new int[] {6, 3}, tokenizer.encode("aba"));
    assertArrayEquals(new int[] {5, 5}, tokenizer.encode("aaaa"));
  }

  @Test
  void textWithoutATokenIsUnknownOnce() {
    Map<String, Object> values =
        metadata("llama", "<unk>", 2, 0, "<s>", 3, 0, "</s>", 3, 0, "a", 1, 0, "<0xC3>", 6, 0);
    values.put(P + "add_space_prefix", false);
    Tokenizer tokenizer = load(values);
    assertArrayEquals(new int[] {3, 0, 3, 4, 0}, tokenizer.encode("a\u4E16\u754Ca\u00E9\u4E16"));
    assertEquals("aa", tokenizer.decode(3, 0, 3));
    assertEquals("a<unk>a", tokenizer.decode(new int[] {3, 0, 3}, new DecodeOptions(true, false)));
  }

  @Test
  void spacesAreMarkedAndOneIsAddedInFront() {
    Tokenizer tokenizer =
        load(
            metadata(
                "llama",
                "<unk>",
                2,
                0,
                "<s>",
                3,
                0,
                "</s>",
                3,
                0,
                "\u2581",
                1,
                -1,
                "a",
                1,
                -1,
                "\u2581a",
                1,
                -0.5,
                "<|im_end|>",
                1,
                0,
                "[x]",
                4,
                0));
    assertArrayEquals(new int[] {5, 5}, tokenizer.encode("a a"));
    assertArrayEquals(new int[] {1, 5, 2, 5}, tokenizer.encode("a</s>a", EncodeOptions.SPECIAL));
    assertEquals("a a", tokenizer.decode(1, 5, 5));
    assertEquals(" a a", tokenizer.decode(new int[] {5, 5}, DecodeOptions.CONTINUATION));
    // A user-defined token is found in plain text too.
    assertArrayEquals(new int[] {5, 7, 5}, tokenizer.encode("a[x]a"));
    // Its spelling says that this one steers, whatever its type says.
    assertTrue(tokenizer.vocabulary().isControl(6));
    assertEquals(List.of(2, 6), tokenizer.vocabulary().endOfGeneration());
    assertEquals(6, tokenizer.vocabulary().id(SpecialRole.EOT));
  }

  @Test
  void theLongestSpecialTokenIsTakenOutFirst() {
    Map<String, Object> values =
        metadata(
            "llama", "<unk>", 2, 0, "<s>", 3, 0, "</s>", 3, 0, "<a>", 3, 0, "<a><b>", 3, 0, "<b>",
            4, 0, "x", 1, 0);
    values.put(P + "add_space_prefix", false);
    values.put(P + "add_bos_token", false);
    Tokenizer tokenizer = load(values);
    assertArrayEquals(
        new int[] {6, 4, 3, 6, 5}, tokenizer.encode("x<a><b><a>x<b>", EncodeOptions.SPECIAL));
  }

  @Test
  void whiteSpaceAroundSpecialTokensGoesByTheModelsName() {
    Map<String, Object> values =
        metadata("llama", "<unk>", 2, 0, "<s>", 3, 0, "</s>", 3, 0, "<|user|>", 3, 0, "x", 1, 0);
    values.put(P + "add_space_prefix", false);
    values.put(P + "add_bos_token", false);
    values.put("general.name", "Phi-3 mini");
    assertArrayEquals(
        new int[] {4, 3, 4}, load(values).encode("x<|user|> \n x", EncodeOptions.SPECIAL));
  }

  @Test
  void aByteTheVocabularyLacksKeepsItsNeighboursApart() {
    Map<String, Object> values = new HashMap<>();
    values.put(P + "model", "gpt2");
    values.put(P + "pre", "gpt-2");
    values.put(P + "tokens", List.of("a", "b", "ab", "\u0120"));
    values.put(P + "merges", List.of("a b"));
    Tokenizer tokenizer = load(values);
    assertArrayEquals(new int[] {2}, tokenizer.encode("ab"));
    assertArrayEquals(new int[] {0, 1}, tokenizer.encode("azb"));
  }

  @Test
  void loneSurrogatesAreReplaced() {
    List<String> tokens = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      tokens.add(String.valueOf(ByteLevelAlphabet.charOf(b)));
    }
    Map<String, Object> values = new HashMap<>();
    values.put(P + "model", "gpt2");
    values.put(P + "tokens", tokens);
    values.put(P + "merges", List.of());
    Tokenizer tokenizer = load(values);
    String[] broken = {"\uD83D", "a\uDE00b", "\uDE00\uD83D", "\uD83Dx\uD83D\uDE00"};
    for (String text : broken) {
      String sound = new String(text.getBytes(StandardCharsets.UTF_16), StandardCharsets.UTF_16);
      assertEquals(sound, tokenizer.decode(tokenizer.encode(text)));
    }
    StreamingDecoder decoder = tokenizer.streamingDecoder(DecodeOptions.TEXT);
    StringBuilder parts = new StringBuilder();
    for (int id : tokenizer.encode("\uD83D\uDE00")) {
      parts.append(decoder.push(id)).append('|');
    }
    assertEquals("|||\uD83D\uDE00|", parts.toString());
    decoder.push(tokenizer.encode("\u00E9")[0]);
    assertEquals("\uFFFD", decoder.flush());
  }

  @Test
  void longWordsTakeNearlyLinearTime() {
    Tokenizer tokenizer =
        load(
            metadata(
                "llama",
                "<unk>",
                2,
                0,
                "<s>",
                3,
                0,
                "</s>",
                3,
                0,
                "\u2581",
                1,
                -1,
                "a",
                1,
                -1,
                "aa",
                1,
                -2,
                "aaaa",
                1,
                -3,
                "aaaaaaaa",
                1,
                -4,
                "\u2581\u2581",
                1,
                -2));
    assertTimeoutPreemptively(
        Duration.ofSeconds(20),
        () -> {
          assertEquals(125_001, tokenizer.encode("a".repeat(1_000_000)).length);
          assertEquals(250_001, tokenizer.encode(" ".repeat(500_001)).length);
        });
  }
}

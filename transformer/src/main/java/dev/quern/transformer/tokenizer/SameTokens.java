package dev.quern.transformer.tokenizer;

import dev.quern.core.type.NotSupportedException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whether a tokenizer that was written in other words still cuts texts alike: looked at on a text
 * of many kinds of characters, on the tokens' own texts, and on joined ones, thousands in all.
 */
final class SameTokens {
  private static final int MOST_TOKENS = 20_000;
  private static final int MOST_JOINED = 5_000;
  private static final int JOINED = 4;

  private static final List<String> TEXTS =
      List.of(
          "Hello, world! It's 3.14 o'clock; don't you'll WE'RE",
          "  two  blanks,\ttabs\n\n and\r\nlines  \n ",
          "x=1234567890; y[0] += f(a, b) // 100% <b>bold</b> #tag @me",
          "Grüße, naïve café: … “quoted” — zwölf Bücher");

  private static final String SCRIPTS = "½ → ≠ 粉 日本語 한국어 привет مرحبا 🌾";

  private SameTokens() {}

  /** Throws if the two cut a text in different ways. */
  static void check(Tokenizer original, TokenizerMetadata written) {
    String text = difference(original, written);
    if (text != null) {
      throw refusal(written, text);
    }
  }

  /** The error of a tokenizer that cuts a text in another way once it is written. */
  static NotSupportedException refusal(TokenizerMetadata written, String text) {
    return new NotSupportedException(
        "[tokenizer] "
            + written.source()
            + ": written as GGUF's kind "
            + Malformed.quote(written.string("tokenizer.ggml.model", ""))
            + " it would cut "
            + Malformed.quote(text)
            + " into other tokens; this tokenizer can't be said in GGUF");
  }

  /** A text that the two cut in different ways, or null if none was found. */
  static @Nullable String difference(Tokenizer original, TokenizerMetadata written) {
    Tokenizer other = Tokenizers.fromMetadata(written);
    for (String text : TEXTS) {
      if (!same(original, other, text)) {
        return text;
      }
    }
    // Words are cut alike by definition where there are no merges or scores to compare.
    return written.string("tokenizer.ggml.model", "").equals("bert")
        ? null
        : differenceInTokens(original, other);
  }

  private static @Nullable String differenceInTokens(Tokenizer original, Tokenizer other) {
    List<String> texts = new ArrayList<>();
    texts.add(SCRIPTS);
    Vocabulary vocabulary = original.vocabulary();
    int step = Math.max(1, vocabulary.size() / MOST_TOKENS);
    for (int id = 0; id < vocabulary.size(); id += step) {
      if (vocabulary.type(id) == TokenType.NORMAL) {
        String text = original.decode(id);
        if (text.indexOf('\uFFFD') < 0) {
          texts.add(text);
        }
      }
    }
    for (String text : texts) {
      if (!same(original, other, text)) {
        return text;
      }
    }
    long state = 1;
    for (int i = 0; i < MOST_JOINED && !texts.isEmpty(); i++) {
      StringBuilder joined = new StringBuilder();
      for (int j = 0; j < JOINED; j++) {
        state = state * 6364136223846793005L + 1442695040888963407L; // Knuth's MMIX generator
        joined.append(texts.get((int) Long.remainderUnsigned(state >>> 33, texts.size())));
      }
      if (!same(original, other, joined.toString())) {
        return joined.toString();
      }
    }
    return null;
  }

  private static boolean same(Tokenizer a, Tokenizer b, String text) {
    return Arrays.equals(a.encode(text), b.encode(text));
  }
}

package dev.quern.transformer.tokenizer;

import java.text.Normalizer;

/**
 * Words for a word-piece vocabulary as readers of GGUF files cut them: at white space, and with
 * each punctuation mark and each ideograph a word of its own; control characters and, on demand,
 * marks are dropped. Stripping accents keeps the first code point of a character's canonical
 * decomposition, so of a Hangul syllable only the first letter is left.
 */
record GgufBertWords(boolean lowercase, boolean stripAccents) implements PreTokenizer {
  @Override
  public void split(char[] chars, int from, int to, boolean first, Sink out) {
    char[] word = new char[64];
    int length = 0;
    boolean isFirst = first;
    int at = from;
    while (at < to) {
      int c = Unicode.codePointAt(chars, at, to);
      at += Character.charCount(c);
      if (stripAccents && c >= 0xC0) {
        c = firstOfDecomposition(c);
      }
      if (c >= 0x80 ? Unicode.isWhiteSpace(c) : c == ' ' || (c >= '\t' && c <= '\r')) {
        if (length > 0) {
          out.piece(word, 0, length, isFirst);
          isFirst = false;
          length = 0;
        }
        continue;
      }
      if (isDropped(c) || (stripAccents && Unicode.isOf(c, Unicode.MARKS))) {
        continue;
      }
      boolean alone = isAlone(c);
      if (alone && length > 0) {
        out.piece(word, 0, length, isFirst);
        isFirst = false;
        length = 0;
      }
      if (length + 2 > word.length) {
        word = java.util.Arrays.copyOf(word, word.length * 2);
      }
      length += Character.toChars(lowercase ? Character.toLowerCase(c) : c, word, length);
      if (alone) {
        out.piece(word, 0, length, isFirst);
        isFirst = false;
        length = 0;
      }
    }
    if (length > 0) {
      out.piece(word, 0, length, isFirst);
    }
  }

  private static boolean isDropped(int c) {
    int type = Character.getType(c);
    return c == 0
        || c == 0xFFFD
        || type == Character.CONTROL
        || type == Character.FORMAT
        || type == Character.PRIVATE_USE
        || type == Character.SURROGATE;
  }

  private static boolean isAlone(int c) {
    return Unicode.isOf(c, Unicode.PUNCTUATION)
        || (c < 0x7F && Unicode.isOf(c, Unicode.SYMBOLS))
        || Unicode.isIdeograph(c, false);
  }

  private static int firstOfDecomposition(int c) {
    if (c >= 0xAC00 && c <= 0xD7A3) {
      return 0x1100 + (c - 0xAC00) / 588;
    }
    String text = Character.toString(c);
    return Normalizer.isNormalized(text, Normalizer.Form.NFD)
        ? c
        : Normalizer.normalize(text, Normalizer.Form.NFD).codePointAt(0);
  }
}

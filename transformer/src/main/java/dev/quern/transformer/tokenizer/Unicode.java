package dev.quern.transformer.tokenizer;

import java.util.Arrays;

/** The Unicode properties that tokenizers ask for. */
final class Unicode {
  /** Character that stands for a space in SentencePiece vocabularies, U+2581. */
  static final char SPACE_MARK = '\u2581';

  static final int LETTERS =
      1 << Character.UPPERCASE_LETTER
          | 1 << Character.LOWERCASE_LETTER
          | 1 << Character.TITLECASE_LETTER
          | 1 << Character.MODIFIER_LETTER
          | 1 << Character.OTHER_LETTER;
  static final int MARKS =
      1 << Character.NON_SPACING_MARK
          | 1 << Character.COMBINING_SPACING_MARK
          | 1 << Character.ENCLOSING_MARK;
  static final int NUMBERS =
      1 << Character.DECIMAL_DIGIT_NUMBER
          | 1 << Character.LETTER_NUMBER
          | 1 << Character.OTHER_NUMBER;
  static final int PUNCTUATION =
      1 << Character.CONNECTOR_PUNCTUATION
          | 1 << Character.DASH_PUNCTUATION
          | 1 << Character.START_PUNCTUATION
          | 1 << Character.END_PUNCTUATION
          | 1 << Character.INITIAL_QUOTE_PUNCTUATION
          | 1 << Character.FINAL_QUOTE_PUNCTUATION
          | 1 << Character.OTHER_PUNCTUATION;
  static final int SYMBOLS =
      1 << Character.MATH_SYMBOL
          | 1 << Character.CURRENCY_SYMBOL
          | 1 << Character.MODIFIER_SYMBOL
          | 1 << Character.OTHER_SYMBOL;
  static final int SEPARATORS =
      1 << Character.SPACE_SEPARATOR
          | 1 << Character.LINE_SEPARATOR
          | 1 << Character.PARAGRAPH_SEPARATOR;
  static final int OTHERS =
      1 << Character.CONTROL
          | 1 << Character.FORMAT
          | 1 << Character.SURROGATE
          | 1 << Character.PRIVATE_USE
          | 1 << Character.UNASSIGNED;

  private static final int WORD =
      LETTERS | MARKS | 1 << Character.DECIMAL_DIGIT_NUMBER | 1 << Character.CONNECTOR_PUNCTUATION;

  private Unicode() {}

  static boolean isOf(int codePoint, int categories) {
    return (categories >>> Character.getType(codePoint) & 1) != 0;
  }

  /** The White_Space property, which Java's own two notions of space don't match. */
  static boolean isWhiteSpace(int codePoint) {
    return codePoint == ' '
        || (codePoint >= 9 && codePoint <= 13)
        || codePoint == 0x85
        || (codePoint >= 0xA0 && isOf(codePoint, SEPARATORS));
  }

  static boolean isWord(int codePoint) {
    return isOf(codePoint, WORD) || Character.isAlphabetic(codePoint);
  }

  /** Ideographs that BERT's tokenizer sets apart; {@code wholeExtensionE} as Unicode has it. */
  static boolean isIdeograph(int codePoint, boolean wholeExtensionE) {
    if (codePoint < 0x3400) {
      return false;
    }
    return codePoint <= 0x4DBF
        || (codePoint >= 0x4E00 && codePoint <= 0x9FFF)
        || (codePoint >= 0xF900 && codePoint <= 0xFAFF)
        || (codePoint >= 0x20000 && codePoint <= 0x2A6DF)
        || (codePoint >= 0x2A700 && codePoint <= 0x2B73F)
        || (codePoint >= 0x2B740 && codePoint <= 0x2B81F)
        || (codePoint >= (wholeExtensionE ? 0x2B820 : 0x2B920) && codePoint <= 0x2CEAF)
        || (codePoint >= 0x2F800 && codePoint <= 0x2FA1F);
  }

  /** The characters that differ from one only by case, itself included. */
  static int[] caseVariants(int codePoint) {
    int lower = Character.toLowerCase(Character.toUpperCase(codePoint));
    // Long s, the Kelvin sign and the Angstrom sign fold to letters that don't fold back to them.
    int further =
        switch (lower) {
          case 's' -> 0x17F;
          case 'k' -> 0x212A;
          case 0xE5 -> 0x212B;
          default -> codePoint;
        };
    return new int[] {
      codePoint, lower, Character.toUpperCase(lower), Character.toTitleCase(lower), further
    };
  }

  /**
   * Text in which every lone surrogate is U+FFFD, so that it has a UTF-8 form; the same array when
   * there is none.
   */
  static char[] withoutLoneSurrogates(char[] chars) {
    char[] result = chars;
    boolean copied = false;
    for (int i = 0; i < chars.length; i++) {
      if (!Character.isSurrogate(chars[i])) {
        continue;
      }
      if (Character.isHighSurrogate(chars[i])
          && i + 1 < chars.length
          && Character.isLowSurrogate(chars[i + 1])) {
        i++;
        continue;
      }
      if (!copied) {
        result = Arrays.copyOf(chars, chars.length);
        copied = true;
      }
      result[i] = '\uFFFD';
    }
    return result;
  }

  /** The code point at a place of a text whose surrogates are all paired. */
  static int codePointAt(char[] chars, int at, int to) {
    char c = chars[at];
    return Character.isHighSurrogate(c) && at + 1 < to
        ? Character.toCodePoint(c, chars[at + 1])
        : c;
  }
}

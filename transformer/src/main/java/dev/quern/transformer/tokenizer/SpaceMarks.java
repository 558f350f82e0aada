package dev.quern.transformer.tokenizer;

import org.jspecify.annotations.Nullable;

/**
 * Words of a text whose spaces are written as U+2581. If no token joins another character with a
 * mark after it, no merge crosses the place before a mark, and the words between such places may be
 * merged one by one: the same result, in less time, and words repeat.
 */
final class SpaceMarks {
  private SpaceMarks() {}

  /** Whether no token has a mark right after another character. */
  static boolean onlyLead(@Nullable String[] tokens) {
    for (String token : tokens) {
      if (token != null && followsOther(token)) {
        return false;
      }
    }
    return true;
  }

  private static boolean followsOther(String token) {
    int mark = token.lastIndexOf(Unicode.SPACE_MARK);
    while (mark > 0) {
      if (token.charAt(mark - 1) != Unicode.SPACE_MARK) {
        return true;
      }
      mark--;
      while (mark > 0 && token.charAt(mark) != Unicode.SPACE_MARK) {
        mark--;
      }
    }
    return false;
  }

  /** End of the word that begins at a place: the next mark after another character, or the end. */
  static int wordEnd(char[] chars, int from, int to) {
    for (int i = from + 1; i < to; i++) {
      if (chars[i] == Unicode.SPACE_MARK && chars[i - 1] != Unicode.SPACE_MARK) {
        return i;
      }
    }
    return to;
  }
}

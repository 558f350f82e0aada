package dev.quern.transformer.tokenizer;

import org.jspecify.annotations.Nullable;

/** Reads the merges of byte-pair vocabularies, and the spelling of byte tokens. */
final class Merges {
  private Merges() {}

  /**
   * Reads merges that are written as two tokens with a space between them.
   *
   * @param prefixLength characters of the right token that the result of a merge leaves out
   * @throws dev.quern.core.type.FormatException if one isn't written so, or names no token
   */
  static PairTable read(
      String source,
      String key,
      Vocabulary vocabulary,
      @Nullable String[] merges,
      int prefixLength) {
    PairTable table = new PairTable(merges.length);
    char[] chars = new char[256];
    int guess = Vocabulary.NONE;
    for (int rank = 0; rank < merges.length; rank++) {
      String merge = merges[rank];
      int space = merge == null ? -1 : merge.indexOf(' ', 1);
      if (merge == null || space < 0 || space + 1 == merge.length()) {
        String found = merge == null ? "nothing" : Malformed.quote(merge);
        throw Malformed.at(
            source, key + "[" + rank + "]", "need two tokens and a space between, found " + found);
      }
      int length = merge.length();
      if (length > chars.length) {
        chars = new char[length * 2];
      }
      // left space right, and left once more, so that left and right also stand side by side.
      merge.getChars(0, length, chars, 0);
      int left = vocabulary.find(chars, 0, space);
      int right = vocabulary.find(chars, space + 1, length);
      int skipped = Math.min(prefixLength, length - space - 1);
      int start = 1 + skipped;
      System.arraycopy(chars, 0, chars, start, space);
      // Many vocabularies list merges in the order of the tokens that they make.
      int result = guess;
      if (!vocabulary.isSpelled(guess, chars, start, length)) {
        boolean isNext = vocabulary.isSpelled(guess + 1, chars, start, length);
        result = isNext ? guess + 1 : vocabulary.find(chars, start, length);
      }
      guess = result;
      add(source, key, table, rank, merge, left, right, result);
    }
    return table;
  }

  /** Adds one merge, whose tokens are looked up. */
  static void add(
      String source,
      String key,
      PairTable table,
      int rank,
      String merge,
      int left,
      int right,
      int result) {
    if (left < 0 || right < 0 || result < 0) {
      String part = left < 0 ? "left part" : right < 0 ? "right part" : "result";
      throw Malformed.at(
          source,
          key + "[" + rank + "]",
          "the " + part + " of the merge " + Malformed.quote(merge) + " is no token");
    }
    table.add(left, right, rank, result);
  }

  /** The byte of a token spelled {@code <0xNN>}; a fallback for any other spelling. */
  static byte[] byteOf(String spelling, byte[] fallback) {
    if (spelling.length() == 6 && spelling.startsWith("<0x") && spelling.charAt(5) == '>') {
      int high = Character.digit(spelling.charAt(3), 16);
      int low = Character.digit(spelling.charAt(4), 16);
      if (high >= 0 && low >= 0) {
        return new byte[] {(byte) (high << 4 | low)};
      }
    }
    return fallback;
  }
}

package dev.quern.transformer.tokenizer;

/**
 * Cuts runs of digits into groups of three, counted from their right end: 1234567 is 1, 234, 567.
 * As a pattern it would look ahead over the rest of the run from each group.
 */
final class DigitGroups implements PreTokenizer {
  private final int categories;
  private final boolean wholeWordsOnly;
  private final boolean joinsBefore;

  /**
   * Splits runs of numbers.
   *
   * @param categories the general categories that count as digits, as bits
   * @param wholeWordsOnly leaves alone a run that a word goes on after, as a pattern that asks for
   *     a word boundary does
   * @param joinsBefore the text before a run belongs to its first group, as ggml has it
   */
  DigitGroups(int categories, boolean wholeWordsOnly, boolean joinsBefore) {
    this.categories = categories;
    this.wholeWordsOnly = wholeWordsOnly;
    this.joinsBefore = joinsBefore;
  }

  @Override
  public void split(char[] chars, int from, int to, boolean first, Sink out) {
    boolean isFirst = first;
    int done = from;
    int at = from;
    while (at < to) {
      if (!isNumber(chars, at, to)) {
        at = after(chars, at, to);
        continue;
      }
      int digits = 0;
      int end = at;
      while (end < to && isNumber(chars, end, to)) {
        end = after(chars, end, to);
        digits++;
      }
      if (wholeWordsOnly && end < to && Unicode.isWord(Unicode.codePointAt(chars, end, to))) {
        at = end;
        continue;
      }
      int start = at;
      if (joinsBefore) {
        start = done;
      } else {
        isFirst = emit(chars, done, at, isFirst, out);
      }
      while (digits > 0) {
        int group = digits % 3 == 0 ? 3 : digits % 3;
        int groupEnd = at;
        for (int i = 0; i < group; i++) {
          groupEnd = after(chars, groupEnd, to);
        }
        isFirst = emit(chars, start, groupEnd, isFirst, out);
        at = groupEnd;
        start = groupEnd;
        digits -= group;
      }
      done = at;
    }
    emit(chars, done, to, isFirst, out);
  }

  /** Passes on a piece, and returns whether the next one is still the first. */
  private static boolean emit(char[] chars, int from, int to, boolean first, Sink out) {
    if (from == to) {
      return first;
    }
    out.piece(chars, from, to, first);
    return false;
  }

  private boolean isNumber(char[] chars, int at, int to) {
    return Unicode.isOf(Unicode.codePointAt(chars, at, to), categories);
  }

  private static int after(char[] chars, int at, int to) {
    return at + Character.charCount(Unicode.codePointAt(chars, at, to));
  }
}

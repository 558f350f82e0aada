package dev.quern.transformer.tokenizer;

/**
 * Cuts runs of digits into groups of three, counted from their right end: 1234567 is 1, 234, 567.
 * As a pattern it would look ahead over the rest of the run from each group.
 */
final class DigitGroups implements PreTokenizer {
  @Override
  public void split(char[] chars, int from, int to, boolean first, Sink out) {
    int done = from;
    int at = from;
    while (at < to) {
      if (!isNumber(chars, at, to)) {
        at = after(chars, at, to);
        continue;
      }
      emit(chars, done, at, from, first, out);
      int digits = 0;
      int end = at;
      while (end < to && isNumber(chars, end, to)) {
        end = after(chars, end, to);
        digits++;
      }
      while (digits > 0) {
        int group = digits % 3 == 0 ? 3 : digits % 3;
        int start = at;
        for (int i = 0; i < group; i++) {
          at = after(chars, at, to);
        }
        emit(chars, start, at, from, first, out);
        digits -= group;
      }
      done = at;
    }
    emit(chars, done, to, from, first, out);
  }

  private static void emit(char[] chars, int from, int to, int textStart, boolean first, Sink out) {
    if (from < to) {
      out.piece(chars, from, to, first && from == textStart);
    }
  }

  private static boolean isNumber(char[] chars, int at, int to) {
    return Unicode.isOf(Unicode.codePointAt(chars, at, to), Unicode.NUMBERS);
  }

  private static int after(char[] chars, int at, int to) {
    return at + Character.charCount(Unicode.codePointAt(chars, at, to));
  }
}

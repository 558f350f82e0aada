package dev.quern.transformer.tokenizer;

/**
 * Cuts before each group of three of a run of ASCII digits, counted from the right end of the run:
 * what the pattern {@code (?=(\d{3})+(?!\d))} does, which looks at the rest of the run at every
 * place.
 */
final class ThousandsCuts implements PreTokenizer {
  @Override
  public void split(char[] chars, int from, int to, boolean first, Sink out) {
    int done = from;
    int at = from;
    while (at < to) {
      int end = at;
      while (end < to && chars[end] >= '0' && chars[end] <= '9') {
        end++;
      }
      for (int cut = end - (end - at) / 3 * 3; cut < end; cut += 3) {
        if (cut > done) {
          out.piece(chars, done, cut, first && done == from);
          done = cut;
        }
      }
      at = Math.max(end, at + 1);
    }
    if (done < to) {
      out.piece(chars, done, to, first && done == from);
    }
  }
}

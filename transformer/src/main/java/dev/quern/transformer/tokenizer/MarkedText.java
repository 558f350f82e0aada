package dev.quern.transformer.tokenizer;

/**
 * A text as one piece, with U+2581 for every space, and one more before it where a text begins or
 * goes on after a special token.
 */
record MarkedText(boolean prefix) implements PreTokenizer {
  @Override
  public void split(char[] chars, int from, int to, boolean first, Sink out) {
    if (from == to) {
      return;
    }
    int shift = prefix && first ? 1 : 0;
    char[] marked = new char[shift + to - from];
    marked[0] = Unicode.SPACE_MARK;
    for (int i = from; i < to; i++) {
      marked[shift + i - from] = chars[i] == ' ' ? Unicode.SPACE_MARK : chars[i];
    }
    out.piece(marked, 0, marked.length, first);
  }
}

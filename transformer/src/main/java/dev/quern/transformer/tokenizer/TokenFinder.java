package dev.quern.transformer.tokenizer;

/** Finds tokens that are taken out of a text before anything else is done with it. */
interface TokenFinder {
  /** Receives a text's parts in order. */
  interface Sink {
    /** Text between such tokens, {@code chars[from, to)}, never empty. */
    void text(char[] chars, int from, int to);

    /** A token that was found. */
    void token(int id);
  }

  /**
   * Passes on the parts of {@code chars[from, to)}.
   *
   * @param parseSpecial whether special tokens are found; tokens that are merely added always are
   */
  void split(char[] chars, int from, int to, boolean parseSpecial, Sink out);

  /** Finds nothing. */
  TokenFinder NONE =
      (chars, from, to, parseSpecial, out) -> {
        if (from < to) {
          out.text(chars, from, to);
        }
      };
}

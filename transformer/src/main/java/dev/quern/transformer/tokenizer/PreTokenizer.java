package dev.quern.transformer.tokenizer;

/** Cuts a text into the pieces within which a vocabulary merges. */
interface PreTokenizer {
  /** Receives pieces in order; their characters are only valid during the call. */
  interface Sink {
    /**
     * Takes one piece, {@code chars[from, to)}, never empty.
     *
     * @param first whether the piece begins where the whole input begins
     */
    void piece(char[] chars, int from, int to, boolean first);
  }

  /** Passes on the pieces of {@code chars[from, to)}. */
  void split(char[] chars, int from, int to, boolean first, Sink out);

  /** The text as one piece. */
  PreTokenizer WHOLE =
      (chars, from, to, first, out) -> {
        if (from < to) {
          out.piece(chars, from, to, first);
        }
      };

  /** This, and then another one on each of its pieces. */
  default PreTokenizer then(PreTokenizer next) {
    return (chars, from, to, first, out) ->
        split(chars, from, to, first, (c, f, t, isFirst) -> next.split(c, f, t, isFirst, out));
  }
}

package dev.quern.transformer.tokenizer;

import java.util.List;

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

  /** Several, each on the pieces of the one before. */
  static PreTokenizer sequence(List<PreTokenizer> steps) {
    if (steps.isEmpty()) {
      return WHOLE;
    }
    PreTokenizer rest = steps.getLast();
    for (int i = steps.size() - 2; i >= 0; i--) {
      PreTokenizer step = steps.get(i);
      PreTokenizer after = rest;
      rest =
          (chars, from, to, first, out) ->
              step.split(
                  chars, from, to, first, (c, f, t, isFirst) -> after.split(c, f, t, isFirst, out));
    }
    return rest;
  }
}

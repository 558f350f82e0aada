package dev.quern.transformer.tokenizer;

/** The part of a tokenizer that turns one piece of text into ids. Safe to share. */
interface PieceModel {
  /** Turns pieces into ids, with buffers of its own; for one thread. */
  interface Encoder {
    /** Appends the ids of {@code chars[from, to)}. */
    void encode(char[] chars, int from, int to, IntList out);
  }

  /** A new encoder. */
  Encoder encoder();
}

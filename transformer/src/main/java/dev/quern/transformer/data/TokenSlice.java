package dev.quern.transformer.data;

import java.util.Objects;

/** A part of a sequence. */
record TokenSlice(TokenSequence whole, long start, long size) implements TokenSequence {
  @Override
  public void read(long from, int[] into, int offset, int length) {
    Objects.checkFromToIndex(from, from + length, size());
    whole.read(start + from, into, offset, length);
  }
}

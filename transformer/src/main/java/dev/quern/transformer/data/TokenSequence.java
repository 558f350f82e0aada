package dev.quern.transformer.data;

import java.util.Objects;

/** Token ids in a row, however many: a corpus. Safe to share between threads. */
public interface TokenSequence {
  /**
   * Number of ids.
   *
   * @return at least 0
   */
  long size();

  /**
   * Copies ids.
   *
   * @param from index of the first
   * @param into where to
   * @param offset place of the first in {@code into}
   * @param length how many
   * @throws IndexOutOfBoundsException if they aren't all here, or don't fit there
   */
  void read(long from, int[] into, int offset, int length);

  /**
   * Copies ids.
   *
   * @param from index of the first
   * @param to index after the last
   * @return the ids
   * @throws IndexOutOfBoundsException if they aren't all here
   */
  default int[] read(long from, long to) {
    Objects.checkFromToIndex(from, to, size());
    int[] ids = new int[Math.toIntExact(to - from)];
    read(from, ids, 0, ids.length);
    return ids;
  }

  /**
   * A part.
   *
   * @param from index of the first id
   * @param to index after the last
   * @return a view
   * @throws IndexOutOfBoundsException if it isn't here
   */
  default TokenSequence slice(long from, long to) {
    Objects.checkFromToIndex(from, to, size());
    return new TokenSlice(this, from, to - from);
  }

  /**
   * Ids in memory.
   *
   * @param ids are copied
   * @return a sequence of them
   */
  static TokenSequence of(int... ids) {
    int[] copy = ids.clone();
    return new TokenSequence() {
      @Override
      public long size() {
        return copy.length;
      }

      @Override
      public void read(long from, int[] into, int offset, int length) {
        Objects.checkFromIndexSize(from, length, copy.length);
        System.arraycopy(copy, (int) from, into, offset, length);
      }
    };
  }
}

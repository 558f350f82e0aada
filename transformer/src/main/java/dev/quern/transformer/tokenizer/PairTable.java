package dev.quern.transformer.tokenizer;

import java.util.SplittableRandom;

/**
 * From a pair of ints to two others: from adjacent tokens to the rank of their merge and the token
 * that they become, or from a node of a trie and a character to the next node. Open addressing over
 * primitive arrays: a vocabulary has up to a few hundred thousand merges.
 */
final class PairTable {
  /** What {@link #find} returns for a pair that isn't there. */
  static final int NONE = -1;

  private static final long EMPTY = 0;
  private static final long MIXER = new SplittableRandom().nextLong() | 1;

  /** Key plus one, then value, side by side: a look-up touches one place in memory. */
  private final long[] entries;

  private final int mask;

  PairTable(int expected) {
    // At most two thirds full.
    int capacity = Integer.highestOneBit(Math.max(expected, 8) * 3 / 2) * 2;
    this.entries = new long[2 * capacity];
    this.mask = capacity - 1;
  }

  /** Adds a pair; the first of two entries for the same pair stays. */
  void add(int left, int right, int rank, int result) {
    long key = key(left, right);
    int slot = slot(key);
    while (entries[slot] != EMPTY) {
      if (entries[slot] == key) {
        return;
      }
      slot = (slot + 2) & (2 * mask + 1);
    }
    entries[slot] = key;
    entries[slot + 1] = (long) rank << 32 | result;
  }

  /** A handle of the pair for {@link #rank} and {@link #result}, or {@link #NONE}. */
  int find(int left, int right) {
    long key = key(left, right);
    int slot = slot(key);
    while (true) {
      long found = entries[slot];
      if (found == key) {
        return slot;
      }
      if (found == EMPTY) {
        return NONE;
      }
      slot = (slot + 2) & (2 * mask + 1);
    }
  }

  int rank(int handle) {
    return (int) (entries[handle + 1] >> 32);
  }

  int result(int handle) {
    return (int) entries[handle + 1];
  }

  private static long key(int left, int right) {
    return ((long) left << 32 | right) + 1;
  }

  private int slot(long key) {
    long x = (key ^ (key >>> 29)) * MIXER;
    return ((int) ((x ^ (x >>> 32)) >>> 7) & mask) * 2;
  }
}

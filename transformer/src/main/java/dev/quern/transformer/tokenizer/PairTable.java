package dev.quern.transformer.tokenizer;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * From a pair of ints to two others: from adjacent tokens to the rank of their merge and the token
 * that they become, or from a node of a trie and a character to the next node. Open addressing over
 * primitive arrays: a vocabulary has up to a few hundred thousand merges.
 */
final class PairTable {
  /** What {@link #find} returns for a pair that isn't there. */
  static final int NONE = -1;

  private static final long EMPTY = -1;
  private static final long MIXER = new SplittableRandom().nextLong() | 1;

  private final long[] keys;
  private final int[] ranks;
  private final int[] results;
  private final int mask;

  PairTable(int expected) {
    // At most two thirds full.
    int capacity = Integer.highestOneBit(Math.max(expected, 8) * 3 / 2) * 2;
    this.keys = new long[capacity];
    this.ranks = new int[capacity];
    this.results = new int[capacity];
    this.mask = capacity - 1;
    Arrays.fill(keys, EMPTY);
  }

  /** Adds a pair; the first of two entries for the same pair stays, and false tells so. */
  boolean add(int left, int right, int rank, int result) {
    long key = (long) left << 32 | right;
    int slot = slot(key);
    while (keys[slot] != EMPTY) {
      if (keys[slot] == key) {
        return false;
      }
      slot = (slot + 1) & mask;
    }
    keys[slot] = key;
    ranks[slot] = rank;
    results[slot] = result;
    return true;
  }

  /** A handle of the pair for {@link #rank} and {@link #result}, or {@link #NONE}. */
  int find(int left, int right) {
    long key = (long) left << 32 | right;
    int slot = slot(key);
    while (true) {
      long found = keys[slot];
      if (found == key) {
        return slot;
      }
      if (found == EMPTY) {
        return NONE;
      }
      slot = (slot + 1) & mask;
    }
  }

  int rank(int handle) {
    return ranks[handle];
  }

  int result(int handle) {
    return results[handle];
  }

  private int slot(long key) {
    long x = (key ^ (key >>> 29)) * MIXER;
    return (int) ((x ^ (x >>> 32)) >>> 7) & mask;
  }
}

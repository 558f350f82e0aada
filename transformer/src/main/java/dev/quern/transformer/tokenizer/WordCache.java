package dev.quern.transformer.tokenizer;

import org.jspecify.annotations.Nullable;

/**
 * The ids of words met before. One entry per hash, the newest stays: bounded, and safe without
 * locks, because entries are immutable and a lost update only costs a repetition.
 */
final class WordCache {
  /** Longer pieces are rare, and would let a hostile text fill memory. */
  private static final int MAX_CHARS = 32;

  private static final int SLOTS = 1 << 14;

  private static final class Entry {
    final char[] word;
    final int[] ids;

    Entry(char[] word, int[] ids) {
      this.word = word;
      this.ids = ids;
    }
  }

  private final @Nullable Entry[] entries = new @Nullable Entry[SLOTS];

  /** Computes what is not known yet. */
  @FunctionalInterface
  interface Computation {
    void encode(char[] chars, int from, int to, IntList out);
  }

  /** Appends the ids of the word {@code chars[from, to)}, computed if they are not known. */
  void encode(char[] chars, int from, int to, IntList out, Computation computation) {
    if (to - from > MAX_CHARS) {
      computation.encode(chars, from, to, out);
      return;
    }
    int hash = CharHash.of(chars, from, to);
    int[] known = get(hash, chars, from, to);
    if (known != null) {
      out.addAll(known);
      return;
    }
    int before = out.size();
    computation.encode(chars, from, to, out);
    put(hash, chars, from, to, out.toArray(before));
  }

  private int @Nullable [] get(int hash, char[] chars, int from, int to) {
    Entry entry = entries[CharHash.spread(hash) & (SLOTS - 1)];
    if (entry == null || entry.word.length != to - from) {
      return null;
    }
    char[] word = entry.word;
    for (int i = 0; i < word.length; i++) {
      if (word[i] != chars[from + i]) {
        return null;
      }
    }
    return entry.ids;
  }

  private void put(int hash, char[] chars, int from, int to, int[] ids) {
    char[] word = new char[to - from];
    System.arraycopy(chars, from, word, 0, word.length);
    entries[CharHash.spread(hash) & (SLOTS - 1)] = new Entry(word, ids);
  }
}

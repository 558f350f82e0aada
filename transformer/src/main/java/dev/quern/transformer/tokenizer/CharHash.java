package dev.quern.transformer.tokenizer;

import java.util.SplittableRandom;

/**
 * Polynomial hash of characters, {@code h = h * BASE + c}, extended one character at a time so that
 * all prefixes of a word are looked up in one pass. The base differs from run to run: a file can't
 * be made whose tokens all collide. Nothing visible depends on it.
 */
final class CharHash {
  /** The multiplier; odd, so that no character's contribution is shifted out. */
  static final int BASE = new SplittableRandom().nextInt() | 1;

  private CharHash() {}

  static int of(char[] text, int from, int to) {
    int h = 0;
    for (int i = from; i < to; i++) {
      h = h * BASE + text[i];
    }
    return h;
  }

  /** Mixes a hash so that its upper bits may index a table. */
  static int spread(int h) {
    int x = (h ^ (h >>> 15)) * 0x2C1B3C6D;
    return (x ^ (x >>> 12)) * 0x297A2D39;
  }
}

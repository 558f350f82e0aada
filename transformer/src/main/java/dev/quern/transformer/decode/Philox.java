package dev.quern.transformer.decode;

/**
 * Philox4x32-10 (Salmon et al. 2011): random words from a key and a counter, the same on every
 * machine.
 */
final class Philox {
  private static final int ROUNDS = 10;
  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;

  private Philox() {}

  /**
   * The four words of a counter.
   *
   * @param key the seed; its low half is the first key word
   * @param counter its low half is the first counter word
   * @return four words
   */
  static int[] words(long key, long counter) {
    int k0 = (int) key;
    int k1 = (int) (key >>> 32);
    int c0 = (int) counter;
    int c1 = (int) (counter >>> 32);
    int c2 = 0;
    int c3 = 0;
    for (int r = 0; r < ROUNDS; r++) {
      long p0 = MULTIPLIER_0 * Integer.toUnsignedLong(c0);
      long p1 = MULTIPLIER_1 * Integer.toUnsignedLong(c2);
      int n0 = (int) (p1 >>> 32) ^ c1 ^ k0;
      int n2 = (int) (p0 >>> 32) ^ c3 ^ k1;
      c1 = (int) p1;
      c3 = (int) p0;
      c0 = n0;
      c2 = n2;
      k0 += WEYL_0;
      k1 += WEYL_1;
    }
    return new int[] {c0, c1, c2, c3};
  }

  /**
   * A uniform number of 53 bits.
   *
   * @param key the seed
   * @param counter which one
   * @return in [0, 1)
   */
  static double uniform(long key, long counter) {
    int[] w = words(key, counter);
    long bits = Integer.toUnsignedLong(w[0]) << 32 | Integer.toUnsignedLong(w[1]);
    return (bits >>> 11) * 0x1p-53;
  }
}

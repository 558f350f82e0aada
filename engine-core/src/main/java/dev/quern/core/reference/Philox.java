package dev.quern.core.reference;

/**
 * The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", 2011): four 32-bit words from a 64-bit key and a 128-bit counter.
 */
final class Philox {
  private static final int ROUNDS = 10;
  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;

  private Philox() {}

  /** One word for a counter whose upper half is 0. */
  static int word(long key, long counter, int which) {
    return words(key, counter, 0)[which];
  }

  /** All four words; the lower half of key and counter is the first word of each. */
  static int[] words(long key, long counterLow, long counterHigh) {
    int k0 = (int) key;
    int k1 = (int) (key >>> 32);
    int[] c = {
      (int) counterLow, (int) (counterLow >>> 32), (int) counterHigh, (int) (counterHigh >>> 32)
    };
    for (int round = 0; round < ROUNDS; round++) {
      long p0 = MULTIPLIER_0 * Integer.toUnsignedLong(c[0]);
      long p1 = MULTIPLIER_1 * Integer.toUnsignedLong(c[2]);
      int c0 = (int) (p1 >>> 32) ^ c[1] ^ k0;
      int c2 = (int) (p0 >>> 32) ^ c[3] ^ k1;
      c[0] = c0;
      c[1] = (int) p1;
      c[2] = c2;
      c[3] = (int) p0;
      k0 += WEYL_0;
      k1 += WEYL_1;
    }
    return c;
  }
}

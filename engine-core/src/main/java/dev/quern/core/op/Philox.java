package dev.quern.core.op;

/**
 * The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", 2011): four 32-bit words from a 64-bit key and a 128-bit counter,
 * the same on every machine. There is no state: who draws counts.
 *
 * <p>{@link CreateOp.RandomUniform} and {@link CreateOp.RandomNormal} say what tensors are made of
 * these words; samplers and other code that needs chance draws from here too.
 *
 * {@snippet :
 * long draws = 0;
 * double first = Philox.uniform(seed, draws++);
 * double second = Philox.uniform(seed, draws++);
 * }
 */
public final class Philox {
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
   * @param counterLow the counter's lower 64 bits; their low half is the first counter word
   * @param counterHigh the counter's upper 64 bits; their low half is the third counter word
   * @return four words of 32 random bits each
   */
  public static int[] words(long key, long counterLow, long counterHigh) {
    long first = pair(key, counterLow, counterHigh, false);
    long second = pair(key, counterLow, counterHigh, true);
    return new int[] {(int) (first >>> 32), (int) first, (int) (second >>> 32), (int) second};
  }

  /** Two of the four words, the first or the last ones, in a long: an array would be garbage. */
  private static long pair(long key, long counterLow, long counterHigh, boolean second) {
    int k0 = (int) key;
    int k1 = (int) (key >>> 32);
    int c0 = (int) counterLow;
    int c1 = (int) (counterLow >>> 32);
    int c2 = (int) counterHigh;
    int c3 = (int) (counterHigh >>> 32);
    for (int round = 0; round < ROUNDS; round++) {
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
    int high = second ? c2 : c0;
    int low = second ? c3 : c1;
    return (long) high << 32 | Integer.toUnsignedLong(low);
  }

  /**
   * One word of a counter whose upper half is 0.
   *
   * @param key the seed
   * @param counter the counter's lower 64 bits
   * @param which 0 to 3
   * @return 32 random bits
   */
  public static int word(long key, long counter, int which) {
    long pair = pair(key, counter, 0, which >= 2);
    return (int) (which % 2 == 0 ? pair >>> 32 : pair);
  }

  /**
   * A uniform number: the upper 53 bits of a counter's first two words, the first one leading,
   * times 2⁻⁵³.
   *
   * @param key the seed
   * @param counter which one; its upper 64 bits are 0
   * @return in [0, 1)
   */
  public static double uniform(long key, long counter) {
    return (pair(key, counter, 0, false) >>> 11) * 0x1p-53;
  }
}

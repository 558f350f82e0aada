package dev.quern.transformer.data;

import dev.quern.core.op.Philox;

/**
 * Random numbers that belong to a place, such as (seed, epoch, example): the same ones whenever and
 * on whichever thread that place is visited. Philox with a key that is derived from the place.
 *
 * <p>For one thread.
 */
public final class Chance {
  /** Keeps keys apart from draws: no draw has this counter. */
  private static final long DERIVE = -1;

  private final long key;
  private long drawn;

  private Chance(long key) {
    this.key = key;
  }

  /**
   * The numbers of a place.
   *
   * @param seed of the run
   * @param place any numbers that tell places apart
   * @return numbers from the first one on
   */
  public static Chance of(long seed, long... place) {
    return new Chance(derive(seed, place));
  }

  /**
   * A seed for a place.
   *
   * @param seed of the run
   * @param place any numbers that tell places apart
   * @return another seed
   */
  public static long derive(long seed, long... place) {
    long key = seed;
    for (long p : place) {
      int[] words = Philox.words(key, p, DERIVE);
      key = (long) words[0] << 32 | Integer.toUnsignedLong(words[1]);
    }
    return key;
  }

  /**
   * The next 64 random bits.
   *
   * @return any long
   */
  public long nextLong() {
    int[] words = Philox.words(key, drawn++, 0);
    return (long) words[0] << 32 | Integer.toUnsignedLong(words[1]);
  }

  /**
   * The next uniform number.
   *
   * @return in [0, 1), a multiple of 2⁻⁵³
   */
  public double nextDouble() {
    return (nextLong() >>> 11) * 0x1p-53;
  }

  /**
   * The next whole number below a bound: the upper half of a product with 64 random bits, so that
   * some numbers are likelier than others by at most bound / 2⁶⁴.
   *
   * @param bound at least 1
   * @return 0 to {@code bound - 1}
   */
  public long below(long bound) {
    return Math.unsignedMultiplyHigh(nextLong(), bound);
  }
}

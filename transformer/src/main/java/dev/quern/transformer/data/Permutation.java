package dev.quern.transformer.data;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The numbers from 0 to size − 1 in another order, without a table of them: a Feistel network over
 * the smallest power of four that holds them all, applied again while the result is too large
 * (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002, section 3). It takes the same
 * memory for a thousand numbers and for 10¹²; up to 256 are shuffled in a small table.
 *
 * <p>Immutable and safe to share between threads.
 */
public final class Permutation {
  private static final int ROUNDS = 8;

  /** Networks over few numbers prefer some orders visibly; so many fit in a small table. */
  private static final int FEW = 256;

  private final long size;
  private final int halfBits;
  private final long halfMask;
  private final long[] keys = new long[ROUNDS];
  private final int @Nullable [] table;

  private Permutation(long size, long seed) {
    this.size = size;
    int bits = 64 - Long.numberOfLeadingZeros(Math.max(1, size - 1));
    this.halfBits = (bits + 1) / 2;
    this.halfMask = (1L << halfBits) - 1;
    Chance chance = Chance.of(seed, size);
    this.table = size <= FEW ? shuffled((int) size, chance) : null;
    for (int r = 0; r < ROUNDS; r++) {
      keys[r] = chance.nextLong();
    }
  }

  /** The shuffle of Fisher and Yates in Durstenfeld's form (1964). */
  private static int[] shuffled(int size, Chance chance) {
    int[] numbers = new int[size];
    for (int i = 0; i < size; i++) {
      int other = (int) chance.below(i + 1L);
      numbers[i] = numbers[other];
      numbers[other] = i;
    }
    return numbers;
  }

  /**
   * A permutation.
   *
   * @param size how many numbers, 0 to 2⁶²
   * @param seed which permutation
   * @return the permutation
   * @throws DataException for another size
   */
  public static Permutation of(long size, long seed) {
    if (size < 0 || size > 1L << 62) {
      throw new DataException("[permutation] size is " + size + "; it is 0 to 2^62");
    }
    return new Permutation(size, seed);
  }

  /**
   * How many numbers.
   *
   * @return 0 to 2⁶²
   */
  public long size() {
    return size;
  }

  /**
   * Which number comes at a place.
   *
   * @param place 0 to {@code size() - 1}
   * @return 0 to {@code size() - 1}
   * @throws IndexOutOfBoundsException for another place
   */
  public long apply(long place) {
    long x = Objects.checkIndex(place, size);
    if (table != null) {
      return table[(int) x];
    }
    do {
      long left = x >>> halfBits;
      long right = x & halfMask;
      for (int r = 0; r < ROUNDS; r++) {
        long next = left ^ (mix(right + keys[r]) & halfMask);
        left = right;
        right = next;
      }
      x = left << halfBits | right;
    } while (x >= size);
    return x;
  }

  /**
   * At which place a number comes.
   *
   * @param number 0 to {@code size() - 1}
   * @return 0 to {@code size() - 1}
   * @throws IndexOutOfBoundsException for another number
   */
  public long placeOf(long number) {
    long x = Objects.checkIndex(number, size);
    if (table != null) {
      int place = 0;
      while (table[place] != x) {
        place++;
      }
      return place;
    }
    do {
      long left = x >>> halfBits;
      long right = x & halfMask;
      for (int r = ROUNDS - 1; r >= 0; r--) {
        long before = right ^ (mix(left + keys[r]) & halfMask);
        right = left;
        left = before;
      }
      x = left << halfBits | right;
    } while (x >= size);
    return x;
  }

  /** The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every bit depends on every bit. */
  private static long mix(long value) {
    long z = value;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}

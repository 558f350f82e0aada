package dev.quern.transformer.decode;

import java.util.Arrays;

/**
 * Finds where the likeliest of many candidates end, without sorting them all. For one thread;
 * allocates nothing once it has seen the largest vocabulary.
 *
 * <p>Keys order candidates from the likeliest down and equal ones by index: the upper half is the
 * score, as a float whose bits are ordered as ints and complemented, the lower half the index.
 */
final class Cut {
  private static final int GROUP = 64;
  private static final int BUCKETS = 1024;

  /** Each bucket is so many sums: one alone would have each addition wait for the one before. */
  private static final int WAYS = 4;

  private final double[] mass = new double[BUCKETS * WAYS];
  private int[] bucket = {};
  private long[] keys = {};
  private float[] maxima = {};
  private float[] order = {};
  private int last;

  private static long key(double score, int index) {
    int bits = Float.floatToIntBits((float) score);
    int ordered = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
    return (long) ~ordered << 32 | index;
  }

  private void ensureKeys(int n) {
    if (keys.length < n) {
      keys = new long[n];
    }
  }

  /** The keys of all, in order; overwritten by the next call. */
  long[] all(double[] scores, int n) {
    ensureKeys(n);
    for (int i = 0; i < n; i++) {
      keys[i] = key(scores[i], i);
    }
    Sorting.sort(keys, n);
    return keys;
  }

  /**
   * The keys of the largest, in order, and perhaps of more; overwritten by the next call.
   *
   * <p>Of the groups of {@value #GROUP} neighbours, {@code count} have a largest score of at least
   * the {@code count}-th largest of these. So at least that many scores are as large, and only in
   * these groups.
   */
  long[] largest(double[] scores, int n, int count) {
    int groups = Math.ceilDiv(n, GROUP);
    if (count > groups / 2) {
      return all(scores, n);
    }
    ensureKeys(n);
    if (maxima.length < groups) {
      maxima = new float[groups];
      order = new float[groups];
    }
    for (int g = 0; g < groups; g++) {
      maxima[g] = (float) max(scores, g * GROUP, Math.min(n, (g + 1) * GROUP));
    }
    System.arraycopy(maxima, 0, order, 0, groups);
    float least = Sorting.largest(order, groups, count);
    int found = 0;
    for (int g = 0; g < groups; g++) {
      if (maxima[g] >= least) {
        int end = Math.min(n, (g + 1) * GROUP);
        for (int i = g * GROUP; i < end; i++) {
          if ((float) scores[i] >= least) {
            keys[found++] = key(scores[i], i);
          }
        }
      }
    }
    Sorting.sort(keys, found);
    return keys;
  }

  /** The largest of a group. Four at a time, because it is too short for a loop of vectors. */
  private static double max(double[] x, int from, int to) {
    double a = Double.NEGATIVE_INFINITY;
    double b = a;
    double c = a;
    double d = a;
    int i = from;
    for (; i + 4 <= to; i += 4) {
      a = x[i] > a ? x[i] : a;
      b = x[i + 1] > b ? x[i + 1] : b;
      c = x[i + 2] > c ? x[i + 2] : c;
      d = x[i + 3] > d ? x[i + 3] : d;
    }
    for (; i < to; i++) {
      a = x[i] > a ? x[i] : a;
    }
    return Math.max(Math.max(a, b), Math.max(c, d));
  }

  /**
   * The key of the candidate at which the weights, added from the likeliest down, reach a limit; of
   * the least likely that has weight, if rounding keeps them from reaching it.
   *
   * <p>Scores are shared out to buckets of equal width, and only the one where the limit is reached
   * is sorted. What lies further down than the buckets go weighs less together than what is left
   * beyond the limit.
   *
   * @param scores (n), of which {@code top} is the largest
   * @param weights (n) in [0, 1]
   * @param total their sum
   * @param limit greater than 0, at most the total
   */
  long reaching(double[] scores, double[] weights, int n, double top, double total, double limit) {
    if (bucket.length < n) {
      bucket = new int[n];
    }
    ensureKeys(n);
    double left = Math.max(1e-9, 1 - limit / total);
    double range = Math.min(Math.log(n / (left * total)), top - least(scores, n));
    share(scores, n, (float) top, (float) (BUCKETS / Math.max(range, 1e-6)));
    weigh(weights, n);
    last = BUCKETS - 1;
    while (last > 0 && inBucket(last) == 0) {
      last--;
    }
    double sum = 0;
    for (int b = 0; b < last; b++) {
      double more = sum + inBucket(b);
      if (more >= limit) {
        last = b;
      } else {
        sum = more;
      }
    }
    int found = 0;
    for (int i = 0; i < n; i++) {
      if (bucket[i] == last) {
        keys[found++] = key(scores[i], i);
      }
    }
    Sorting.sort(keys, found);
    int at = 0;
    sum += weights[(int) keys[0]];
    while (at + 1 < found && sum < limit && weights[(int) keys[at + 1]] > 0) {
      at++;
      sum += weights[(int) keys[at]];
    }
    return keys[at];
  }

  private static double least(double[] x, int n) {
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < n; i++) {
      least = Math.min(least, x[i]);
    }
    return least;
  }

  private void share(double[] scores, int n, float top, float perUnit) {
    for (int i = 0; i < n; i++) {
      bucket[i] = Math.min(BUCKETS - 1, (int) ((top - (float) scores[i]) * perUnit));
    }
  }

  private void weigh(double[] weights, int n) {
    Arrays.fill(mass, 0);
    for (int i = 0; i < n; i++) {
      mass[bucket[i] * WAYS + i % WAYS] += weights[i];
    }
  }

  private double inBucket(int b) {
    int i = b * WAYS;
    return mass[i] + mass[i + 1] + (mass[i + 2] + mass[i + 3]);
  }

  /** Whether a candidate comes before {@link #reaching}'s key, or is it. */
  boolean isBefore(int index, double score, long key) {
    int b = bucket[index];
    return b < last || (b == last && key(score, index) <= key);
  }
}

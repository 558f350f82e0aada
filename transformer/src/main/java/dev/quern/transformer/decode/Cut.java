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
  private static final int BUCKETS = 512;

  /** Each bucket is so many sums: one alone would have each addition wait for the one before. */
  private static final int WAYS = 4;

  private final double[] mass = new double[BUCKETS * WAYS];
  private final int[] bucket = new int[Weights.BLOCK];
  private long[] keys = {};
  private float[] maxima = {};
  private float[] order = {};
  private float top;
  private float perUnit;
  private double limit;
  private double before;
  private int last;
  private int found;

  /** A candidate's key. */
  static long key(double score, int index) {
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

  /** Whether {@link #largest} pays for so few of so many. */
  static boolean isFew(int count, int n) {
    return count <= n / (2 * GROUP);
  }

  /**
   * The keys of the largest, in order, and perhaps of more; overwritten by the next call.
   *
   * <p>Of the groups of {@value #GROUP} neighbours, {@code count} have a largest score of at least
   * the {@code count}-th largest of these. So at least that many scores are as large, and only in
   * these groups.
   *
   * @param divisor by which the scores are still to be divided
   */
  long[] largest(double[] scores, int n, int count, double divisor) {
    int groups = Math.ceilDiv(n, GROUP);
    ensureKeys(n);
    if (maxima.length < groups) {
      maxima = new float[groups];
      order = new float[groups];
    }
    for (int g = 0; g < groups; g++) {
      maxima[g] = (float) (max(scores, g * GROUP, Math.min(n, (g + 1) * GROUP)) / divisor);
    }
    System.arraycopy(maxima, 0, order, 0, groups);
    float least = Sorting.largest(order, groups, count);
    found = 0;
    for (int g = 0; g < groups; g++) {
      if (maxima[g] >= least) {
        int end = Math.min(n, (g + 1) * GROUP);
        for (int i = g * GROUP; i < end; i++) {
          double score = scores[i] / divisor;
          if ((float) score >= least) {
            meet(score, i);
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
   * Finds the bucket in which the weights, added from the likeliest down, reach a limit. Whoever
   * goes on {@linkplain #meet tells} of the candidates in {@link #last} and asks for the
   * {@linkplain #reach key} of the one that reaches it.
   *
   * <p>Scores are shared out to buckets of equal width. What lies further down than the buckets go
   * weighs less together than what is left beyond the limit.
   *
   * @param scores (n) from {@code least} to {@code top}
   * @param weights (n) in [0, 1]
   * @param total their sum
   * @param limit greater than 0, at most the total
   */
  void find(
      double[] scores,
      double[] weights,
      int n,
      double top,
      double least,
      double total,
      double limit) {
    double left = Math.max(1e-9, 1 - limit / total);
    double range = Math.min(Math.log(n / (left * total)), top - least);
    this.top = (float) top;
    this.perUnit = (float) (BUCKETS / Math.max(range, 1e-6));
    this.limit = limit;
    Arrays.fill(mass, 0);
    for (int from = 0; from < n; from += Weights.BLOCK) {
      int to = Math.min(n, from + Weights.BLOCK);
      share(scores, from, to);
      weigh(weights, from, to);
    }
    last = BUCKETS - 1;
    while (last > 0 && inBucket(last) == 0) {
      last--;
    }
    before = 0;
    for (int b = 0; b < last; b++) {
      double more = before + inBucket(b);
      if (more >= limit) {
        last = b;
      } else {
        before = more;
      }
    }
    ensureKeys(n);
    found = 0;
  }

  /** The buckets of a block of scores; overwritten by the next call. */
  int[] share(double[] scores, int from, int to) {
    for (int i = from; i < to; i++) {
      bucket[i - from] = Math.min(BUCKETS - 1, (int) ((top - (float) scores[i]) * perUnit));
    }
    return bucket;
  }

  private void weigh(double[] weights, int from, int to) {
    for (int i = from; i < to; i++) {
      mass[bucket[i - from] * WAYS + i % WAYS] += weights[i];
    }
  }

  private double inBucket(int b) {
    int i = b * WAYS;
    return mass[i] + mass[i + 1] + (mass[i + 2] + mass[i + 3]);
  }

  /** The bucket that was found. */
  int last() {
    return last;
  }

  /** Tells of a candidate in that bucket. */
  void meet(double score, int index) {
    keys[found++] = key(score, index);
  }

  /**
   * The key of the candidate that reaches the limit; of the least likely that has weight, if
   * rounding keeps them from reaching it.
   *
   * @param weights of the candidates, by their indices in {@link #meet}
   */
  long reach(double[] weights) {
    Sorting.sort(keys, found);
    int at = 0;
    double sum = before + weights[(int) keys[0]];
    while (at + 1 < found && sum < limit && weights[(int) keys[at + 1]] > 0) {
      at++;
      sum += weights[(int) keys[at]];
    }
    return keys[at];
  }
}

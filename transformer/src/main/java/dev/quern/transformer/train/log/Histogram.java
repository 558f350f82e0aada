package dev.quern.transformer.train.log;

/** How TensorBoard wants a distribution: buckets of equal width from the least to the greatest. */
final class Histogram {
  /** TensorBoard's own default. */
  static final int BUCKETS = 30;

  private Histogram() {}

  /** How many of the values are finite; only they can be put into buckets. */
  static long finite(float[] values) {
    long finite = 0;
    for (float v : values) {
      if (Float.isFinite(v)) {
        finite++;
      }
    }
    return finite;
  }

  /**
   * Counts the finite values.
   *
   * @return [BUCKETS][3]: left edge, right edge, count; all zeros if there are no finite values. If
   *     all are equal, the last bucket has them all.
   */
  static double[][] of(float[] values) {
    double[][] buckets = new double[BUCKETS][3];
    double least = Double.POSITIVE_INFINITY;
    double greatest = Double.NEGATIVE_INFINITY;
    for (float v : values) {
      if (Float.isFinite(v)) {
        least = Math.min(least, v);
        greatest = Math.max(greatest, v);
      }
    }
    if (least > greatest) {
      return buckets;
    }
    double width = (greatest - least) / BUCKETS;
    for (int b = 0; b < BUCKETS; b++) {
      buckets[b][0] = b * width + least;
      buckets[b][1] = b == BUCKETS - 1 ? greatest : (b + 1) * width + least;
    }
    for (float v : values) {
      if (Float.isFinite(v)) {
        int b = width == 0 ? BUCKETS - 1 : (int) Math.floor((v - least) / width);
        buckets[Math.min(b, BUCKETS - 1)][2]++;
      }
    }
    return buckets;
  }
}

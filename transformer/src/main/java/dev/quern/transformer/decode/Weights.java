package dev.quern.transformer.decode;

/**
 * exp(score − largest score) of a whole vocabulary, in about a nanosecond each: {@link Math#exp}
 * takes ten to twenty.
 *
 * <p>e^x = (e^(x/256))^256, the inner one by its Taylor series up to the tenth power, the outer one
 * by squaring eight times. Only products, sums, minima and maxima of doubles, so that the JIT
 * compiler makes vectors of the loop, and the bits are the same on every machine. Relative error
 * below 1e-13. Below e^−50 it is 0: no draw of 53 bits can tell, and −∞ must not be drawn.
 */
final class Weights {
  /** So many at a time are divided, weighed and summed while they are in the nearest cache. */
  static final int BLOCK = 2048;

  private static final double LEAST = -50;
  private static final double STEP = 0x1p1000;

  private Weights() {}

  /** Divides the scores from one index up to another. */
  static void divide(double[] scores, int from, int to, double divisor) {
    for (int i = from; i < to; i++) {
      scores[i] /= divisor;
    }
  }

  /** Writes the weights of scores, the largest of all being {@code top}. */
  static void of(double[] scores, int from, int to, double top, double[] weights) {
    if (Double.isInfinite(top)) {
      ofInfinite(scores, from, to, top, weights);
      return;
    }
    for (int i = from; i < to; i++) {
      double x = Math.max(scores[i] - top, LEAST);
      double t = x * 0x1p-8;
      double y = 1.0 / 3628800;
      y = y * t + 1.0 / 362880;
      y = y * t + 1.0 / 40320;
      y = y * t + 1.0 / 5040;
      y = y * t + 1.0 / 720;
      y = y * t + 1.0 / 120;
      y = y * t + 1.0 / 24;
      y = y * t + 1.0 / 6;
      y = y * t + 0.5;
      y = y * t + 1;
      y = y * t + 1;
      y *= y; // 2
      y *= y;
      y *= y;
      y *= y; // 16
      y *= y;
      y *= y;
      y *= y;
      y *= y; // 256
      weights[i] = y * Math.min((x - LEAST) * STEP, 1); // 0 at LEAST, else times 1
    }
  }

  /** If some are +∞, only they are likely; if all are −∞, all are equal. */
  private static void ofInfinite(double[] scores, int from, int to, double top, double[] weights) {
    for (int i = from; i < to; i++) {
      weights[i] = scores[i] == top ? 1 : 0;
    }
  }

  /** Their sum, in an order that doesn't depend on the machine. */
  static double sum(double[] weights, int from, int to) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    int i = from;
    for (; i + 4 <= to; i += 4) { // four sums at a time: one addition takes four cycles
      a += weights[i];
      b += weights[i + 1];
      c += weights[i + 2];
      d += weights[i + 3];
    }
    double rest = 0;
    for (; i < to; i++) {
      rest += weights[i];
    }
    return a + b + (c + d) + rest;
  }

  /** The largest of them; NaN if there is one. */
  static double largest(double[] x, int from, int to) {
    double most = Double.NEGATIVE_INFINITY;
    for (int i = from; i < to; i++) {
      most = Math.max(most, x[i]);
    }
    return most;
  }

  /** The smallest of them; NaN if there is one. */
  static double least(double[] x, int from, int to) {
    double least = Double.POSITIVE_INFINITY;
    for (int i = from; i < to; i++) {
      least = Math.min(least, x[i]);
    }
    return least;
  }
}

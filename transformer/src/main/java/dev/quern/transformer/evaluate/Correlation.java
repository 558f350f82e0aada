package dev.quern.transformer.evaluate;

import java.util.Comparator;
import java.util.stream.IntStream;

/** How far two lists of numbers rise and fall together. */
public final class Correlation {
  private static final String NAME = "correlation";

  private Correlation() {}

  /**
   * Pearson's coefficient: Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² · Σ (y − ȳ)²).
   *
   * @param x numbers
   * @param y as many
   * @return −1 to 1; NaN if one list is constant
   * @throws dev.quern.core.type.ShapeException if the lengths differ
   * @throws MetricException if there are no numbers, or one is NaN
   */
  public static double pearson(double[] x, double[] y) {
    check(x, y);
    double meanX = mean(x);
    double meanY = mean(y);
    double xy = 0;
    double xx = 0;
    double yy = 0;
    for (int i = 0; i < x.length; i++) {
      double dx = x[i] - meanX;
      double dy = y[i] - meanY;
      xy += dx * dy;
      xx += dx * dx;
      yy += dy * dy;
    }
    return xy / Math.sqrt(xx * yy);
  }

  /**
   * Spearman's coefficient: Pearson's of the ranks, where equal numbers share the mean of theirs.
   *
   * @param x numbers
   * @param y as many
   * @return −1 to 1; NaN if one list is constant
   * @throws dev.quern.core.type.ShapeException if the lengths differ
   * @throws MetricException if there are no numbers, or one is NaN
   */
  public static double spearman(double[] x, double[] y) {
    check(x, y);
    return pearson(ranks(x), ranks(y));
  }

  private static void check(double[] x, double[] y) {
    Checks.sameLength(NAME, "x", x.length, "y", y.length);
    for (int i = 0; i < x.length; i++) {
      Checks.number(NAME, "x", i, x[i]);
      Checks.number(NAME, "y", i, y[i]);
    }
  }

  private static double mean(double[] values) {
    double sum = 0;
    for (double v : values) {
      sum += v;
    }
    return sum / values.length;
  }

  private static double[] ranks(double[] values) {
    int[] order =
        IntStream.range(0, values.length)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> values[i]))
            .mapToInt(Integer::intValue)
            .toArray();
    double[] ranks = new double[values.length];
    int from = 0;
    while (from < order.length) {
      int to = from;
      while (to < order.length && values[order[to]] == values[order[from]]) {
        to++;
      }
      for (int i = from; i < to; i++) {
        ranks[order[i]] = (from + to - 1) / 2.0;
      }
      from = to;
    }
    return ranks;
  }
}

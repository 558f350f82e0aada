package dev.quern.transformer.evaluate;

import dev.quern.core.op.Philox;
import java.util.Arrays;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Confidence intervals by resampling (Efron, "Bootstrap methods: another look at the jackknife",
 * 1979; percentile intervals as in Efron and Tibshirani 1993, section 13.3): as many examples as
 * there are, drawn with replacement, measured again and again. The ends are the quantiles (1 −
 * level)/2 and (1 + level)/2 of what was measured, interpolated linearly between order statistics.
 *
 * <p>What is drawn should be independent: whole documents rather than their tokens.
 *
 * <p>The same seed draws the same examples on every machine, whatever the metric, so two models are
 * compared on the same resamples.
 *
 * @param resamples how many times, at least 1; 1,000 is usual
 * @param level how sure, between 0 and 1
 * @param seed of the draws
 */
public record Bootstrap(int resamples, double level, long seed) {
  /** 1,000 resamples, 95 %. */
  public static final Bootstrap DEFAULT = new Bootstrap(1000, 0.95, 0);

  /**
   * Settings.
   *
   * @throws MetricException if there are no resamples, or the level is not between 0 and 1
   */
  public Bootstrap {
    if (resamples < 1 || !(level > 0 && level < 1)) {
      throw new MetricException(
          "[bootstrap] resamples=%d, level=%s; take at least 1, and a level between 0 and 1"
              .formatted(resamples, level));
    }
  }

  /**
   * An interval for a metric.
   *
   * @param examples how many there are, at least 1
   * @param metric of the examples whose indices it gets, which may repeat; NaN where it is not
   *     defined
   * @return the metric over all examples, and its interval, whose ends are NaN if it was never
   *     defined
   * @throws MetricException if there are no examples
   */
  public ConfidenceInterval interval(int examples, ToDoubleFunction<int[]> metric) {
    Checks.notEmpty("bootstrap", examples);
    double estimate = metric.applyAsDouble(IntStream.range(0, examples).toArray());
    int[] drawn = new int[examples];
    double[] values = new double[resamples];
    int defined = 0;
    for (int r = 0; r < resamples; r++) {
      for (int i = 0; i < examples; i++) {
        drawn[i] = (int) (Philox.uniform(seed, (long) r * examples + i) * examples);
      }
      double value = metric.applyAsDouble(drawn);
      if (!Double.isNaN(value)) {
        values[defined++] = value;
      }
    }
    double[] sorted = Arrays.copyOf(values, defined);
    Arrays.sort(sorted);
    return new ConfidenceInterval(
        estimate,
        quantile(sorted, (1 - level) / 2),
        quantile(sorted, (1 + level) / 2),
        level,
        defined,
        resamples - defined);
  }

  private static double quantile(double[] sorted, double q) {
    if (sorted.length == 0) {
      return Double.NaN;
    }
    double place = (sorted.length - 1) * q;
    int below = (int) place;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  }
}

package dev.quern.transformer.train.log;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * A value over the steps of a run of any length, in bounded memory: the steps are put into at most
 * 512 buckets of equal width, each with the mean, the least and the greatest of its values. When
 * the buckets are used up, neighbours are joined and the width doubles.
 *
 * <p>Values that are not finite are counted and left out.
 */
final class Curve {
  static final int BUCKETS = 512;

  private final double[] sums = new double[BUCKETS];
  private final double[] stepSums = new double[BUCKETS];
  private final double[] least = new double[BUCKETS];
  private final double[] greatest = new double[BUCKETS];
  private final long[] counts = new long[BUCKETS];

  private long first = -1;
  private long width = 1;
  private long notFinite;
  private double last = Double.NaN;

  /** What a curve is drawn from, in the order of steps; one element for each bucket with values. */
  static final class Points {
    final double[] steps;
    final double[] means;
    final double[] least;
    final double[] greatest;

    private Points(int size) {
      steps = new double[size];
      means = new double[size];
      least = new double[size];
      greatest = new double[size];
    }

    /** The same with values in another unit, such as MiB. */
    Points in(double unit) {
      Points scaled = new Points(steps.length);
      for (int i = 0; i < steps.length; i++) {
        scaled.steps[i] = steps[i];
        scaled.means[i] = means[i] / unit;
        scaled.least[i] = least[i] / unit;
        scaled.greatest[i] = greatest[i] / unit;
      }
      return scaled;
    }
  }

  /** Adds the value of a step; steps don't fall. */
  void add(long step, double value) {
    last = value;
    if (!Double.isFinite(value)) {
      notFinite++;
      return;
    }
    if (first < 0) {
      first = step;
    }
    while ((step - first) / width >= BUCKETS) {
      join();
    }
    int b = (int) ((step - first) / width);
    least[b] = counts[b] == 0 ? value : Math.min(least[b], value);
    greatest[b] = counts[b] == 0 ? value : Math.max(greatest[b], value);
    sums[b] += value;
    stepSums[b] += (double) step;
    counts[b]++;
  }

  /** Joins neighbours, which leaves the upper half of the buckets empty. */
  private void join() {
    for (int b = 0; b < BUCKETS / 2; b++) {
      int left = 2 * b;
      int right = left + 1;
      boolean noLeft = counts[left] == 0;
      boolean noRight = counts[right] == 0;
      least[b] = noLeft || (!noRight && least[right] < least[left]) ? least[right] : least[left];
      greatest[b] =
          noLeft || (!noRight && greatest[right] > greatest[left])
              ? greatest[right]
              : greatest[left];
      sums[b] = sums[left] + sums[right];
      stepSums[b] = stepSums[left] + stepSums[right];
      counts[b] = counts[left] + counts[right];
    }
    Arrays.fill(sums, BUCKETS / 2, BUCKETS, 0);
    Arrays.fill(stepSums, BUCKETS / 2, BUCKETS, 0);
    Arrays.fill(counts, BUCKETS / 2, BUCKETS, 0);
    width *= 2;
  }

  /** How many values were not finite. */
  long notFinite() {
    return notFinite;
  }

  /** The value added last, finite or not; NaN if there is none. */
  double last() {
    return last;
  }

  /** The buckets that have values. */
  Points points() {
    int[] used = IntStream.range(0, BUCKETS).filter(b -> counts[b] > 0).toArray();
    Points points = new Points(used.length);
    for (int i = 0; i < used.length; i++) {
      int b = used[i];
      points.steps[i] = stepSums[b] / counts[b];
      points.means[i] = sums[b] / counts[b];
      points.least[i] = least[b];
      points.greatest[i] = greatest[b];
    }
    return points;
  }
}

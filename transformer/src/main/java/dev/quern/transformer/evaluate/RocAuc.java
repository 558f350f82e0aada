package dev.quern.transformer.evaluate;

import dev.quern.core.type.ShapeException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * The area under the receiver operating characteristic: the probability that a positive example
 * scores above a negative one, where a tie counts one half. That is what trapezoids over the
 * distinct thresholds give (Fawcett, "An introduction to ROC analysis", 2006, algorithm 2), and the
 * Mann-Whitney statistic over the number of pairs.
 *
 * <p>Where one of the two kinds is absent there is no pair, and the area is NaN.
 */
public final class RocAuc {
  private static final String NAME = "rocAuc";

  private RocAuc() {}

  /**
   * The area for two classes.
   *
   * @param labels 1 for positive examples, 0 for negative ones
   * @param scores higher for what is more likely positive; infinities are allowed
   * @return 0 to 1; NaN if all labels are the same
   * @throws ShapeException if the numbers of labels and scores differ
   * @throws MetricException if there are none, or a score is not a number
   * @throws dev.quern.core.type.IndexException for a label that is neither 0 nor 1
   */
  public static double binary(int[] labels, double[] scores) {
    Checks.sameLength(NAME, "labels", labels.length, "scores", scores.length);
    boolean[] positive = new boolean[labels.length];
    for (int i = 0; i < labels.length; i++) {
      Checks.label(NAME, "labels", i, labels[i], 2);
      Checks.number(NAME, "scores", i, scores[i]);
      positive[i] = labels[i] == 1;
    }
    return area(positive, scores);
  }

  /**
   * The area of each class against all others.
   *
   * @param labels 0 to classes − 1
   * @param scores [examples][classes], comparable among the examples of a class
   * @return [classes]; NaN for a class that has no example or all of them
   * @throws ShapeException if the numbers of labels and rows differ, or the rows' lengths
   * @throws MetricException if there are none, or a score is not a number
   * @throws dev.quern.core.type.IndexException for a label outside the classes
   */
  public static double[] oneVersusRest(int[] labels, double[][] scores) {
    Checks.sameLength(NAME, "labels", labels.length, "scores", scores.length);
    int classes = scores[0].length;
    for (int i = 0; i < labels.length; i++) {
      if (scores[i].length != classes) {
        throw new ShapeException(
            "[%s] scores[%d] has %d classes, scores[0] has %d; give rows of one length"
                .formatted(NAME, i, scores[i].length, classes));
      }
      Checks.label(NAME, "labels", i, labels[i], classes);
    }
    double[] areas = new double[classes];
    for (int k = 0; k < classes; k++) {
      boolean[] positive = new boolean[labels.length];
      double[] column = new double[labels.length];
      for (int i = 0; i < labels.length; i++) {
        Checks.number(NAME, "scores[" + i + "]", k, scores[i][k]);
        positive[i] = labels[i] == k;
        column[i] = scores[i][k];
      }
      areas[k] = area(positive, column);
    }
    return areas;
  }

  /**
   * The mean of {@link #oneVersusRest} over the classes for which it is defined.
   *
   * @param labels 0 to classes − 1
   * @param scores [examples][classes]
   * @return 0 to 1; NaN if it is defined for no class
   * @throws ShapeException if the numbers of labels and rows differ, or the rows' lengths
   * @throws MetricException if there are none, or a score is not a number
   * @throws dev.quern.core.type.IndexException for a label outside the classes
   */
  public static double macro(int[] labels, double[][] scores) {
    return Arrays.stream(oneVersusRest(labels, scores))
        .filter(a -> !Double.isNaN(a))
        .average()
        .orElse(Double.NaN);
  }

  /**
   * The mean of {@link #oneVersusRest}, weighted by the number of examples of each class, over the
   * classes for which it is defined.
   *
   * @param labels 0 to classes − 1
   * @param scores [examples][classes]
   * @return 0 to 1; NaN if it is defined for no class
   * @throws ShapeException if the numbers of labels and rows differ, or the rows' lengths
   * @throws MetricException if there are none, or a score is not a number
   * @throws dev.quern.core.type.IndexException for a label outside the classes
   */
  public static double weighted(int[] labels, double[][] scores) {
    double[] areas = oneVersusRest(labels, scores);
    double sum = 0;
    double weights = 0;
    for (int label : labels) {
      if (!Double.isNaN(areas[label])) {
        sum += areas[label];
        weights++;
      }
    }
    return sum / weights;
  }

  /** Counts pairs in halves, which are whole numbers, so that nothing is rounded before the end. */
  private static double area(boolean[] positive, double[] scores) {
    int[] order = ascending(scores);
    long negatives = 0;
    long positives = 0;
    double halves = 0;
    int at = 0;
    while (at < order.length) {
      double score = scores[order[at]];
      long tiedPositives = 0;
      long tiedNegatives = 0;
      while (at < order.length && scores[order[at]] == score) {
        if (positive[order[at++]]) {
          tiedPositives++;
        } else {
          tiedNegatives++;
        }
      }
      halves += (double) tiedPositives * (2 * negatives + tiedNegatives);
      negatives += tiedNegatives;
      positives += tiedPositives;
    }
    return halves / (2.0 * positives * negatives);
  }

  private static int[] ascending(double[] scores) {
    return IntStream.range(0, scores.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> scores[i]))
        .mapToInt(Integer::intValue)
        .toArray();
  }
}

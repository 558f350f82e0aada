package dev.quern.transformer.evaluate;

import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.quern.core.type.ShapeException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * How often each class was predicted for each class: the row is the true class, the column the
 * predicted one. Immutable. Matrices of parts of the data add up with {@link #plus}.
 */
public final class ConfusionMatrix {
  private static final String NAME = "confusionMatrix";

  private final long[][] counts;

  private ConfusionMatrix(long[][] counts) {
    this.counts = counts;
  }

  /**
   * Counts predictions.
   *
   * @param expected the true labels, 0 to {@code classes - 1}
   * @param predicted the predicted ones, in the same order
   * @param classes number of classes, at least 1; those that never occur have rows of zeros
   * @return the matrix
   * @throws ShapeException if the numbers of labels differ
   * @throws MetricException if there are none
   * @throws dev.quern.core.type.IndexException for a label outside the classes
   */
  public static ConfusionMatrix of(int[] expected, int[] predicted, int classes) {
    Checks.sameLength(NAME, "expected", expected.length, "predicted", predicted.length);
    long[][] counts = zeros(classes);
    for (int i = 0; i < expected.length; i++) {
      count(counts, expected, predicted, i);
    }
    return new ConfusionMatrix(counts);
  }

  /**
   * Counts some of the predictions, for {@link Bootstrap}.
   *
   * @param expected the true labels
   * @param predicted the predicted ones
   * @param drawn which examples to count; one that is named twice counts twice
   * @param classes number of classes
   * @return the matrix
   * @throws ShapeException if the numbers of labels differ
   * @throws MetricException if there are none
   * @throws dev.quern.core.type.IndexException for a label outside the classes
   */
  public static ConfusionMatrix of(int[] expected, int[] predicted, int[] drawn, int classes) {
    Checks.sameLength(NAME, "expected", expected.length, "predicted", predicted.length);
    Checks.notEmpty(NAME, drawn.length);
    long[][] counts = zeros(classes);
    for (int i : drawn) {
      count(counts, expected, predicted, i);
    }
    return new ConfusionMatrix(counts);
  }

  /**
   * A matrix whose counts are known.
   *
   * @param counts [classes][classes], none negative; the row is the true class
   * @return the matrix, of a copy
   * @throws ShapeException if it is not square
   * @throws MetricException if a count is negative
   */
  public static ConfusionMatrix ofCounts(long[][] counts) {
    long[][] copy = zeros(counts.length);
    for (int r = 0; r < counts.length; r++) {
      if (counts[r].length != counts.length) {
        throw new ShapeException(
            "[%s] row %d has %d columns, and there are %d rows; give a square matrix"
                .formatted(NAME, r, counts[r].length, counts.length));
      }
      for (int c = 0; c < counts.length; c++) {
        if (counts[r][c] < 0) {
          throw new MetricException(
              "[%s] the count in row %d, column %d is %d; counts are not negative"
                  .formatted(NAME, r, c, counts[r][c]));
        }
        copy[r][c] = counts[r][c];
      }
    }
    return new ConfusionMatrix(copy);
  }

  private static void count(long[][] counts, int[] expected, int[] predicted, int i) {
    Checks.label(NAME, "expected", i, expected[i], counts.length);
    Checks.label(NAME, "predicted", i, predicted[i], counts.length);
    counts[expected[i]][predicted[i]]++;
  }

  private static long[][] zeros(int classes) {
    if (classes < 1) {
      throw new ShapeException(
          "[" + NAME + "] there are " + classes + " classes; at least 1 is needed");
    }
    return new long[classes][classes];
  }

  /**
   * Adds the counts of other examples.
   *
   * @param other as many classes
   * @return the sum
   * @throws ShapeException if the numbers of classes differ
   */
  public ConfusionMatrix plus(ConfusionMatrix other) {
    if (other.classes() != classes()) {
      throw new ShapeException(
          "[%s] matrices of %d and %d classes don't add up; count both with the same classes"
              .formatted(NAME, classes(), other.classes()));
    }
    long[][] sum = zeros(classes());
    for (int r = 0; r < sum.length; r++) {
      for (int c = 0; c < sum.length; c++) {
        sum[r][c] = Math.addExact(counts[r][c], other.counts[r][c]);
      }
    }
    return new ConfusionMatrix(sum);
  }

  /**
   * Number of classes.
   *
   * @return at least 1
   */
  public int classes() {
    return counts.length;
  }

  /**
   * How often one class was predicted for another.
   *
   * @param expected the true class
   * @param predicted the predicted one
   * @return the count
   */
  public long count(int expected, int predicted) {
    return counts[expected][predicted];
  }

  /**
   * How many examples there are of a class.
   *
   * @param label the class
   * @return the sum of its row
   */
  public long support(int label) {
    return Arrays.stream(counts[label]).sum();
  }

  /**
   * How often a class was predicted.
   *
   * @param label the class
   * @return the sum of its column
   */
  public long predicted(int label) {
    long sum = 0;
    for (long[] row : counts) {
      sum += row[label];
    }
    return sum;
  }

  /**
   * Number of examples.
   *
   * @return the sum of all counts
   */
  public long total() {
    long sum = 0;
    for (int label = 0; label < counts.length; label++) {
      sum += support(label);
    }
    return sum;
  }

  /**
   * Number of right predictions.
   *
   * @return the sum of the diagonal
   */
  public long correct() {
    long sum = 0;
    for (int label = 0; label < counts.length; label++) {
      sum += counts[label][label];
    }
    return sum;
  }

  /**
   * The share of right predictions.
   *
   * @return correct / total; 0 without examples
   */
  public double accuracy() {
    return ratio(correct(), total());
  }

  /**
   * Matthews' correlation coefficient for any number of classes (Gorodkin, "Comparing two
   * K-category assignments by a K-category correlation coefficient", 2004):
   *
   * <p>(c·s − Σ pₖ·tₖ) / √((s² − Σ pₖ²)·(s² − Σ tₖ²)), with c right ones of s examples, and pₖ
   * predicted and tₖ true ones of class k.
   *
   * @return −1 to 1; 0 where the denominator is 0
   */
  public double matthews() {
    double s = total();
    double both = 0;
    double ofPredicted = 0;
    double ofTrue = 0;
    for (int k = 0; k < counts.length; k++) {
      double p = predicted(k);
      double t = support(k);
      both += p * t;
      ofPredicted += p * p;
      ofTrue += t * t;
    }
    double square = (s * s - ofPredicted) * (s * s - ofTrue);
    return square == 0 ? 0 : (correct() * s - both) / Math.sqrt(square);
  }

  /** A share of counts. */
  static double ratio(long part, long whole) {
    return ratio((double) part, (double) whole);
  }

  /** A share, by the rule of this package that 0/0 counts as 0. */
  static double ratio(double part, double whole) {
    return whole == 0 ? 0 : part / whole;
  }

  /**
   * The matrix as a Markdown table, a row for each true class.
   *
   * @param names of the classes
   * @return lines that end in a line feed
   * @throws ShapeException if there are not as many names as classes
   */
  public String toMarkdown(List<String> names) {
    checkNames(names);
    List<List<String>> rows = new ArrayList<>();
    List<String> head = new ArrayList<>(List.of("true \\ predicted"));
    head.addAll(names);
    rows.add(head);
    for (int r = 0; r < counts.length; r++) {
      List<String> row = new ArrayList<>(List.of(names.get(r)));
      for (long count : counts[r]) {
        row.add(Long.toString(count));
      }
      rows.add(row);
    }
    return Text.table(rows);
  }

  void checkNames(List<String> names) {
    if (names.size() != counts.length) {
      throw new ShapeException(
          "[%s] there are %d classes and %d names; give one name for each class"
              .formatted(NAME, counts.length, names.size()));
    }
  }

  /** The numbers of the classes, for classes without names. */
  List<String> numbers() {
    List<String> names = new ArrayList<>();
    for (int label = 0; label < counts.length; label++) {
      names.add(Integer.toString(label));
    }
    return names;
  }

  void writeTo(ArrayNode rows) {
    for (long[] row : counts) {
      ArrayNode cells = rows.addArray();
      for (long count : row) {
        cells.add(count);
      }
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ConfusionMatrix m && Arrays.deepEquals(counts, m.counts);
  }

  @Override
  public int hashCode() {
    return Arrays.deepHashCode(counts);
  }

  @Override
  public String toString() {
    return toMarkdown(numbers());
  }
}

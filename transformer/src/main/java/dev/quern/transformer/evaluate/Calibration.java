package dev.quern.transformer.evaluate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/**
 * Whether a classifier is right as often as it says (Naeini, Cooper and Hauskrecht, "Obtaining well
 * calibrated probabilities using Bayesian binning", 2015).
 *
 * @param error the expected calibration error: Σ n/N · |accuracy − mean confidence| over bins
 * @param bins of equal width
 */
public record Calibration(double error, List<Bin> bins) {
  private static final String NAME = "calibration";

  /**
   * The predictions whose confidence is in (i/bins, (i+1)/bins]; 0 goes to the first bin.
   *
   * @param count how many
   * @param accuracy the share of right ones; 0 if there are none
   * @param confidence their mean confidence; 0 if there are none
   */
  public record Bin(long count, double accuracy, double confidence) {}

  /** Copies the list. */
  public Calibration {
    bins = List.copyOf(bins);
  }

  /**
   * Measures.
   *
   * @param confidence 0 to 1, of the predicted class of each example
   * @param correct whether the prediction was right
   * @param binCount at least 1; 15 is usual
   * @return error and bins
   * @throws dev.quern.core.type.ShapeException if the numbers of values differ
   * @throws MetricException if there are none, or a confidence is not in [0, 1]
   */
  public static Calibration of(double[] confidence, boolean[] correct, int binCount) {
    Checks.sameLength(NAME, "confidence", confidence.length, "correct", correct.length);
    if (binCount < 1) {
      throw new MetricException("[" + NAME + "] there are " + binCount + " bins; take at least 1");
    }
    long[] counts = new long[binCount];
    long[] right = new long[binCount];
    double[] sums = new double[binCount];
    for (int i = 0; i < correct.length; i++) {
      int bin = bin(confidence, i, binCount);
      counts[bin]++;
      right[bin] += correct[i] ? 1 : 0;
      sums[bin] += confidence[i];
    }
    double error = 0;
    List<Bin> bins = new ArrayList<>();
    for (int b = 0; b < binCount; b++) {
      Bin bin =
          new Bin(
              counts[b],
              ConfusionMatrix.ratio(right[b], counts[b]),
              ConfusionMatrix.ratio(sums[b], (double) counts[b]));
      bins.add(bin);
      double share = (double) counts[b] / correct.length;
      error += share * Math.abs(bin.accuracy - bin.confidence);
    }
    return new Calibration(error, bins);
  }

  private static int bin(double[] confidence, int index, int binCount) {
    double c = confidence[index];
    if (!(c >= 0 && c <= 1)) {
      throw new MetricException(
          "[%s] confidence[%d] is %s; give probabilities, 0 to 1".formatted(NAME, index, c));
    }
    int bin = Math.clamp((long) Math.ceil(c * binCount) - 1, 0, binCount - 1);
    // The product is rounded; the bounds as they are written down decide.
    if (bin > 0 && c <= (double) bin / binCount) {
      return bin - 1;
    }
    return bin < binCount - 1 && c > (double) (bin + 1) / binCount ? bin + 1 : bin;
  }

  /**
   * A Markdown table of the bins that have predictions, and the error.
   *
   * @return lines that end in a line feed
   */
  public String toMarkdown() {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("confidence", "count", "accuracy", "mean confidence"));
    for (int b = 0; b < bins.size(); b++) {
      Bin bin = bins.get(b);
      if (bin.count > 0) {
        String range =
            Text.number((double) b / bins.size())
                + " to "
                + Text.number((double) (b + 1) / bins.size());
        rows.add(
            List.of(
                range,
                Long.toString(bin.count),
                Text.number(bin.accuracy),
                Text.number(bin.confidence)));
      }
    }
    return Text.table(rows) + "\nexpected calibration error " + Text.number(error) + "\n";
  }

  /**
   * As JSON: {@code error}, and {@code bins} with {@code count}, {@code accuracy} and {@code
   * confidence}.
   *
   * @return one line
   */
  public String toJson() {
    ObjectNode node = Text.object();
    Text.put(node, "error", error);
    var list = node.putArray("bins");
    for (Bin bin : bins) {
      ObjectNode entry = list.addObject().put("count", bin.count);
      Text.put(entry, "accuracy", bin.accuracy);
      Text.put(entry, "confidence", bin.confidence);
    }
    return node.toString();
  }

  @Override
  public String toString() {
    return toMarkdown();
  }
}

package dev.quern.transformer.evaluate;

/**
 * How well one class was recognised, or, without a name of its own, all of them together.
 *
 * @param name of the class, or of the average
 * @param precision right ones among those predicted to be of the class; 0 if none was
 * @param recall right ones among those that are of the class; 0 if none is
 * @param f1 2·precision·recall / (precision + recall); 0 if both are 0
 * @param support examples of the class; for an average, all examples
 */
public record ClassMetrics(String name, double precision, double recall, double f1, long support) {
  /** The metrics that counts make. */
  static ClassMetrics of(String name, long right, long predicted, long support) {
    return new ClassMetrics(
        name,
        ConfusionMatrix.ratio(right, predicted),
        ConfusionMatrix.ratio(right, support),
        // With counts: one rounding instead of three.
        ConfusionMatrix.ratio(2.0 * right, (double) predicted + support),
        support);
  }
}

package dev.quern.transformer.evaluate;

import dev.quern.core.type.IndexException;
import dev.quern.core.type.ShapeException;

/** What every metric asks of its input. */
final class Checks {
  private Checks() {}

  /** Refuses lists that don't belong together, and empty ones. */
  static void sameLength(
      String metric, String firstName, int first, String secondName, int second) {
    if (first != second) {
      throw new ShapeException(
          "[%s] %s has %d values, %s has %d; give one of each for every example"
              .formatted(metric, firstName, first, secondName, second));
    }
    notEmpty(metric, first);
  }

  /** Refuses to measure nothing. */
  static void notEmpty(String metric, int examples) {
    if (examples == 0) {
      throw new MetricException("[" + metric + "] there are no examples; give at least one");
    }
  }

  /** Refuses a label outside the classes. */
  static void label(String metric, String name, int index, int label, int classes) {
    if (label < 0 || label >= classes) {
      throw new IndexException(
          "[%s] %s[%d] is %d; labels are 0 to %d"
              .formatted(metric, name, index, label, classes - 1));
    }
  }

  /** Refuses scores without an order. */
  static void number(String metric, String name, int index, double value) {
    if (Double.isNaN(value)) {
      throw new MetricException(
          "[%s] %s[%d] is not a number; leave the example out or mend the model"
              .formatted(metric, name, index));
    }
  }
}

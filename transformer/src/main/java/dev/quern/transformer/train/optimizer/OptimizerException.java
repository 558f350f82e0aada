package dev.quern.transformer.train.optimizer;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** An optimiser, parameter group or loss scale that is set up wrongly. */
public final class OptimizerException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param message what, where, and the remedy
   */
  public OptimizerException(String message) {
    super(message);
  }

  /** Refuses a number outside a range, ends included; NaN too. */
  static double check(String of, String name, double value, double least, double most) {
    if (!(value >= least && value <= most)) {
      throw new OptimizerException(
          "[%s] %s is %s; it lies in %s to %s".formatted(of, name, value, least, most));
    }
    return value;
  }

  /** Refuses a number outside a range whose upper end does not belong to it, such as a decay. */
  static double checkBelow(String of, String name, double value, double below) {
    if (!(value >= 0 && value < below)) {
      throw new OptimizerException(
          "[%s] %s is %s; it is at least 0 and less than %s".formatted(of, name, value, below));
    }
    return value;
  }
}

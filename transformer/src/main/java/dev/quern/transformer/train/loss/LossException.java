package dev.quern.transformer.train.loss;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** A loss whose settings are wrong, or whose outputs or batch lack what it needs. */
public final class LossException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param message the loss, what is wrong, and the remedy
   */
  public LossException(String message) {
    super(message);
  }

  /** Refuses a number outside a range, ends included; NaN too. */
  static void check(String loss, String name, double value, double least, double most) {
    if (!(value >= least && value <= most)) {
      throw new LossException(
          "[%s] %s is %s; it lies in %s to %s".formatted(loss, name, value, least, most));
    }
  }
}

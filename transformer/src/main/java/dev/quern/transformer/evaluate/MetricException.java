package dev.quern.transformer.evaluate;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** Numbers of which a metric can't be computed: none at all, or scores that are not a number. */
public final class MetricException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param message what, where and the remedy
   */
  public MetricException(String message) {
    super(message);
  }
}

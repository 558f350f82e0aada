package dev.quern.core.type;

import java.io.Serial;

/** A gradient that does not exist, or whose saved inputs were overwritten. */
public final class GradientException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what, where and the remedy
   */
  public GradientException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what, where and the remedy
   * @param cause what brought it about
   */
  public GradientException(String message, Throwable cause) {
    super(message, cause);
  }
}

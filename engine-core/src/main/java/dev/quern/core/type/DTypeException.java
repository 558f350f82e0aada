package dev.quern.core.type;

import java.io.Serial;

/** An element type that the operation does not take. */
public final class DTypeException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what, where and the remedy
   */
  public DTypeException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what, where and the remedy
   * @param cause what brought it about
   */
  public DTypeException(String message, Throwable cause) {
    super(message, cause);
  }
}

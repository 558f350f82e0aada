package dev.quern.core.type;

import java.io.Serial;

/** Extents, axes or layouts that do not fit the operation. */
public final class ShapeException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what, where and the remedy
   */
  public ShapeException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what, where and the remedy
   * @param cause what brought it about
   */
  public ShapeException(String message, Throwable cause) {
    super(message, cause);
  }
}

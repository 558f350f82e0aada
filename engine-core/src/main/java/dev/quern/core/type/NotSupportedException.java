package dev.quern.core.type;

import java.io.Serial;

/** Something that the design has room for and that is not there yet. */
public final class NotSupportedException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what, where and the remedy
   */
  public NotSupportedException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what, where and the remedy
   * @param cause what brought it about
   */
  public NotSupportedException(String message, Throwable cause) {
    super(message, cause);
  }
}

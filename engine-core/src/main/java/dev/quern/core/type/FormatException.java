package dev.quern.core.type;

import java.io.Serial;

/** A file that is not what its format says; names file, offset and field. */
public final class FormatException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what, where and the remedy
   */
  public FormatException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what, where and the remedy
   * @param cause what brought it about
   */
  public FormatException(String message, Throwable cause) {
    super(message, cause);
  }
}

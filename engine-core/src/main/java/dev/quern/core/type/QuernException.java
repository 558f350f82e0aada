package dev.quern.core.type;

import java.io.Serial;

/** The root of every error that Quern reports: what, where, and the remedy. */
public class QuernException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what, where and the remedy
   */
  public QuernException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what, where and the remedy
   * @param cause what brought it about
   */
  public QuernException(String message, Throwable cause) {
    super(message, cause);
  }
}

package dev.quern.core.type;

import java.io.Serial;

/** An index, found in a tensor's values, that is outside what it addresses. */
public final class IndexException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what, where and the remedy
   */
  public IndexException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what, where and the remedy
   * @param cause what brought it about
   */
  public IndexException(String message, Throwable cause) {
    super(message, cause);
  }
}

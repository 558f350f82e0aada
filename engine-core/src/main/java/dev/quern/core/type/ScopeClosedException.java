package dev.quern.core.type;

import java.io.Serial;

/** A tensor or session used after its owner was closed, or closed out of order. */
public final class ScopeClosedException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what, where and the remedy
   */
  public ScopeClosedException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what, where and the remedy
   * @param cause what brought it about
   */
  public ScopeClosedException(String message, Throwable cause) {
    super(message, cause);
  }
}

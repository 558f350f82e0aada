package dev.quern.transformer.decode;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** More tokens than a context or a cache holds. */
public final class ContextLengthException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param message what, where and the remedy
   */
  public ContextLengthException(String message) {
    super(message);
  }
}

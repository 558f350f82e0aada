package dev.quern.transformer.train;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** Training that can't begin or go on. */
public class TrainingException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param message what, where and the remedy
   */
  public TrainingException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what, where and the remedy
   * @param cause what brought it about
   */
  public TrainingException(String message, Throwable cause) {
    super(message, cause);
  }
}

package dev.quern.transformer.data;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** Data that are well-formed, but not what was asked for, or settings that don't fit the data. */
public class DataException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param message what, where and the remedy
   */
  public DataException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what, where and the remedy
   * @param cause what brought it about
   */
  public DataException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Refuses a number that is too small. */
  static void atLeast(String where, String name, long value, long least) {
    if (value < least) {
      throw new DataException(
          "[%s] %s is %d; it is at least %d".formatted(where, name, value, least));
    }
  }
}

package dev.quern.core.type;

import java.io.Serial;

/** A system property {@code quern.*} whose value is not understood. */
public final class SettingException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message the property, its value, and what is allowed
   */
  public SettingException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message the property, its value, and what is allowed
   * @param cause what brought it about
   */
  public SettingException(String message, Throwable cause) {
    super(message, cause);
  }
}

package dev.quern.core.type;

import java.io.Serial;

/** A device that is missing, refused, out of memory, or not where a tensor lives. */
public final class DeviceException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what, where and the remedy
   */
  public DeviceException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what, where and the remedy
   * @param cause what brought it about
   */
  public DeviceException(String message, Throwable cause) {
    super(message, cause);
  }
}

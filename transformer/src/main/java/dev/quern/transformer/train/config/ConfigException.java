package dev.quern.transformer.train.config;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** A configuration that can't be used: names file and line, the key, what was found and wanted. */
public final class ConfigException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param message where, which key, what was found, what was wanted
   */
  public ConfigException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message where, which key, what was found, what was wanted
   * @param cause what brought it about
   */
  public ConfigException(String message, Throwable cause) {
    super(message, cause);
  }
}

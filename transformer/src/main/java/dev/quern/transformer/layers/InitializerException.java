package dev.quern.transformer.layers;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** An initialiser whose name or settings are wrong. */
public final class InitializerException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param message the initialiser, the setting, and what it takes
   */
  public InitializerException(String message) {
    super(message);
  }
}

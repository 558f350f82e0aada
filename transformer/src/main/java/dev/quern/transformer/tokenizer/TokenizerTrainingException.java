package dev.quern.transformer.tokenizer;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** A vocabulary that can't be trained as it was asked for. */
public final class TokenizerTrainingException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param message what is wrong, and the remedy
   */
  public TokenizerTrainingException(String message) {
    super("[tokenizer] " + message);
  }

  /**
   * An error with its cause.
   *
   * @param message what is wrong, and the remedy
   * @param cause what brought it about
   */
  public TokenizerTrainingException(String message, Throwable cause) {
    super("[tokenizer] " + message, cause);
  }
}

package dev.quern.transformer.cli;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** Input that the model or a file shows to be wrong, though the command line is right. */
final class InputException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param message what is wrong, and the remedy
   */
  InputException(String message) {
    super(message);
  }

  /** Refuses more tokens than a model's context has places; {@code what} begins the message. */
  static void checkFits(String what, long tokens, int context) {
    if (tokens > context) {
      throw new InputException(
          what + " " + tokens + " tokens, and the model's context is " + context + "; take fewer");
    }
  }

  /** Refuses a token id that a model doesn't have. */
  static void checkToken(int id, int vocabulary) {
    if (id < 0 || id >= vocabulary) {
      throw new InputException(
          "token id " + id + " is not in the vocabulary; take 0 to " + (vocabulary - 1));
    }
  }
}

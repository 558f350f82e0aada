package dev.quern.transformer.tokenizer;

import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;

/** The errors of this package, in one form: file, place in it, what is wrong with it. */
final class Malformed {
  private static final int MAX_QUOTED = 60;

  private Malformed() {}

  /** A file that isn't what its format says. */
  static FormatException at(String source, String key, String what) {
    return new FormatException(message(source, key, what));
  }

  /** As {@link #at(String, String, String)}, with the error underneath. */
  static FormatException at(String source, String key, String what, Throwable cause) {
    return new FormatException(message(source, key, what), cause);
  }

  /** A file that is well-formed and asks for something that isn't there yet. */
  static NotSupportedException unsupported(String source, String key, String what) {
    return new NotSupportedException(message(source, key, what));
  }

  private static String message(String source, String key, String what) {
    return "[tokenizer] " + source + ": " + key + ": " + what;
  }

  /** Text in quotation marks, shortened and without control characters, for messages. */
  static String quote(String text) {
    StringBuilder result = new StringBuilder("\"");
    int end = Math.min(text.length(), MAX_QUOTED);
    for (int i = 0; i < end; i++) {
      char c = text.charAt(i);
      if (c < ' ' || c == 0x7F || Character.isSurrogate(c)) {
        result.append(String.format("\\u%04x", (int) c));
      } else {
        result.append(c);
      }
    }
    return result.append(end < text.length() ? "...\"" : "\"").toString();
  }
}

package dev.quern.core.io.internal;

import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;

/**
 * Which file an error is about; makes the errors of all formats read alike.
 *
 * @param format short name of the format, for example {@code gguf}
 * @param file the file as the user knows it
 */
public record Blame(String format, String file) {

  /**
   * Something at one place of the file is wrong.
   *
   * @param offsetBytes where in the file the field begins
   * @param field which field
   * @param detail what is wrong with it, and the remedy if there is one
   * @return the exception, to be thrown
   */
  public FormatException at(long offsetBytes, String field, String detail) {
    return new FormatException(
        "[" + format + "] " + file + ": at offset " + offsetBytes + ", " + field + ": " + detail);
  }

  /**
   * Something about the whole file is wrong.
   *
   * @param detail what is wrong with it, and the remedy if there is one
   * @return the exception, to be thrown
   */
  public FormatException whole(String detail) {
    return new FormatException("[" + format + "] " + file + ": " + detail);
  }

  /**
   * Something about the whole file is wrong.
   *
   * @param detail what is wrong with it, and the remedy if there is one
   * @param cause what brought it about
   * @return the exception, to be thrown
   */
  public FormatException whole(String detail, Throwable cause) {
    return new FormatException("[" + format + "] " + file + ": " + detail, cause);
  }

  /**
   * The file is right, but holds something that cannot be read yet.
   *
   * @param detail what, where, and the remedy
   * @return the exception, to be thrown
   */
  public NotSupportedException unsupported(String detail) {
    return new NotSupportedException("[" + format + "] " + file + ": " + detail);
  }

  /**
   * Text from a file, made fit for a message: control characters escaped, long text cut.
   *
   * @param text anything
   * @return at most about 80 printable characters in quotes
   */
  public static String quote(String text) {
    int shown = 80;
    StringBuilder b = new StringBuilder("'");
    for (int i = 0; i < Math.min(shown, text.length()); i++) {
      char c = text.charAt(i);
      boolean plain = c >= ' ' && c != 0x7F && !Character.isISOControl(c);
      b.append(plain ? String.valueOf(c) : String.format("\\u%04x", (int) c));
    }
    return b.append(text.length() > shown ? "..." : "").append('\'').toString();
  }
}

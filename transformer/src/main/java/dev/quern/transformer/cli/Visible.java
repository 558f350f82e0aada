package dev.quern.transformer.cli;

/** Text from files that are not ours, made safe to print. */
final class Visible {
  private Visible() {}

  /**
   * A text on one line without anything that steers a terminal or hides: control and format
   * characters, line separators and lone surrogates are spelled out, as {@code \n} and {@code
   * \}{@code u001b}.
   */
  static String of(String text) {
    StringBuilder out = new StringBuilder(text.length());
    text.codePoints().forEach(c -> append(out, c));
    return out.toString();
  }

  /** The first characters of a text that is longer, and how long it is. */
  static String of(String text, int most) {
    if (text.length() <= most) {
      return of(text);
    }
    int end = Character.isHighSurrogate(text.charAt(most - 1)) ? most - 1 : most;
    return of(text.substring(0, end)) + "... (" + text.length() + " characters)";
  }

  private static void append(StringBuilder out, int c) {
    switch (c) {
      case '\n' -> out.append("\\n");
      case '\r' -> out.append("\\r");
      case '\t' -> out.append("\\t");
      default -> {
        switch (Character.getType(c)) {
          case Character.CONTROL,
              Character.FORMAT,
              Character.LINE_SEPARATOR,
              Character.PARAGRAPH_SEPARATOR,
              Character.SURROGATE -> {
            for (char unit : Character.toChars(c)) {
              out.append(String.format("\\u%04x", (int) unit));
            }
          }
          default -> out.appendCodePoint(c);
        }
      }
    }
  }
}

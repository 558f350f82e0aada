package dev.quern.transformer.train.config;

import java.util.Locale;
import java.util.regex.Pattern;

/**
 * What plain scalars mean, and how values are written so that they mean the same when read.
 *
 * <p>Source: YAML 1.2.2, section 10.3, the core schema.
 */
final class Scalars {
  private static final int MOST_SHOWN = 60;

  private static final Pattern NOTHING = Pattern.compile("~|null|Null|NULL|");
  private static final Pattern FLAG = Pattern.compile("true|True|TRUE|false|False|FALSE");
  private static final Pattern INTEGER = Pattern.compile("[-+]?[0-9]++|0o[0-7]++|0x[0-9a-fA-F]++");
  private static final Pattern NUMBER =
      Pattern.compile("[-+]?(\\.[0-9]++|[0-9]++(\\.[0-9]*+)?)([eE][-+]?[0-9]++)?");
  private static final Pattern NO_NUMBER =
      Pattern.compile("[-+]?\\.(inf|Inf|INF)|\\.nan|\\.NaN|\\.NAN");

  /** Texts that need no quotes wherever they stand, unless they mean something else. */
  private static final Pattern SAFE =
      Pattern.compile("(\\.{0,2}/)?[A-Za-z_]([A-Za-z0-9_./ -]*+(?<! ))?");

  /** What a scalar may be. */
  enum Kind {
    NOTHING("nothing"),
    FLAG("true or false"),
    INTEGER("the whole number"),
    NUMBER("the number"),
    TEXT("the text");

    private final String title;

    Kind(String title) {
      this.title = title;
    }

    String title() {
      return title;
    }
  }

  private Scalars() {}

  static Kind kind(String plain) {
    if (NOTHING.matcher(plain).matches()) {
      return Kind.NOTHING;
    }
    if (FLAG.matcher(plain).matches()) {
      return Kind.FLAG;
    }
    if (INTEGER.matcher(plain).matches()) {
      return Kind.INTEGER;
    }
    return NUMBER.matcher(plain).matches() || NO_NUMBER.matcher(plain).matches()
        ? Kind.NUMBER
        : Kind.TEXT;
  }

  /**
   * An integer's value.
   *
   * @throws NumberFormatException if it doesn't fit into 64 bits
   */
  static long integer(String text) {
    if (text.startsWith("0x")) {
      return Long.parseLong(text, 2, text.length(), 16);
    }
    return text.startsWith("0o") ? Long.parseLong(text, 2, text.length(), 8) : Long.parseLong(text);
  }

  /**
   * A number's value; infinite or NaN if it says so or is too large.
   *
   * @throws NumberFormatException if it is hexadecimal or octal and doesn't fit into 64 bits
   */
  static double number(String text) {
    if (NO_NUMBER.matcher(text).matches()) {
      return Double.NaN;
    }
    boolean decimal = !text.startsWith("0x") && !text.startsWith("0o");
    return decimal ? Double.parseDouble(text) : integer(text);
  }

  /** A text of the file in a message: not all of a long one, and nothing that steers a terminal. */
  static String shown(String text) {
    String cut = text.length() <= MOST_SHOWN ? text : text.substring(0, MOST_SHOWN) + "...";
    return cut.replaceAll("[\\p{Cc}\\p{Cf}\\p{Cs}\\u2028\\u2029]", "\uFFFD");
  }

  /** A value as YAML on one line: a flag, a number, or a text, in quotes where it needs them. */
  static String write(Object value) {
    return value instanceof String text ? quote(text) : value.toString();
  }

  /** A text, in quotes unless it is safe without. */
  static String quote(String text) {
    if (SAFE.matcher(text).matches() && kind(text) == Kind.TEXT) {
      return text;
    }
    StringBuilder out = new StringBuilder("\"");
    text.codePoints().forEach(c -> escape(out, c));
    return out.append('"').toString();
  }

  private static void escape(StringBuilder out, int c) {
    switch (c) {
      case '"' -> out.append("\\\"");
      case '\\' -> out.append("\\\\");
      case '\n' -> out.append("\\n");
      case '\t' -> out.append("\\t");
      case '\r' -> out.append("\\r");
      default -> {
        int type = Character.getType(c);
        boolean visible =
            c != 0xFEFF
                && switch (type) {
                  case Character.CONTROL,
                      Character.FORMAT,
                      Character.LINE_SEPARATOR,
                      Character.PARAGRAPH_SEPARATOR,
                      Character.SURROGATE,
                      Character.PRIVATE_USE,
                      Character.UNASSIGNED ->
                      false;
                  default -> true;
                };
        if (visible) {
          out.appendCodePoint(c);
        } else {
          out.append(String.format(Locale.ROOT, c > 0xFFFF ? "\\U%08x" : "\\u%04x", c));
        }
      }
    }
  }
}

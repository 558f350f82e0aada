package dev.quern.core.io.internal;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.quern.core.type.FormatException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Consumer;

/**
 * A strict reader of the little JSON that headers hold (RFC 8259), without a tree: the caller says
 * what it expects next, anything else is an error with its offset.
 *
 * <p>Keys may not repeat, nesting is limited, numbers must be natural, text must be UTF-8 without
 * lone surrogates. Size is limited by whoever made the cursor.
 */
public final class JsonReader {
  private static final int MAX_DEPTH = 32;
  private static final int END = -1;

  private final ByteCursor in;
  private final String field;
  private byte[] text = new byte[64];
  private int next;
  private int depth;

  /**
   * A reader before the first character.
   *
   * @param in the text and nothing else
   * @param field what the text is, named in errors
   */
  public JsonReader(ByteCursor in, String field) {
    this.in = in;
    this.field = field;
    advance();
  }

  /**
   * Passes over white space.
   *
   * @return the next character, or −1 at the end
   */
  public int peek() {
    while (next == ' ' || next == '\n' || next == '\r' || next == '\t') {
      advance();
    }
    return next;
  }

  private void advance() {
    next = in.remaining() == 0 ? END : in.u8(field);
  }

  private long offset() {
    return next == END ? in.position() : in.position() - 1;
  }

  /**
   * An error at the next character.
   *
   * @param detail what is wrong
   * @return the exception, to be thrown
   */
  public FormatException error(String detail) {
    return in.error(offset(), field, detail);
  }

  private FormatException unexpected(String wanted) {
    String found = next == END ? "the end" : String.format("'%c' (0x%02x)", show(next), next);
    return error("found " + found + " where " + wanted + " must stand");
  }

  private static char show(int c) {
    return c >= ' ' && c < 0x7F ? (char) c : '?';
  }

  private void expect(char c) {
    if (peek() != c) {
      throw unexpected("'" + c + "'");
    }
    advance();
  }

  /**
   * Reads an object.
   *
   * @param member is given each key and must read its value
   */
  public void object(Consumer<String> member) {
    expect('{');
    descend();
    if (peek() != '}') {
      Set<String> keys = new HashSet<>();
      member(keys, member);
      while (peek() == ',') {
        advance();
        member(keys, member);
      }
    }
    expect('}');
    depth--;
  }

  private void member(Set<String> keys, Consumer<String> member) {
    peek();
    long at = offset();
    String key = string();
    if (!keys.add(key)) {
      throw in.error(at, field, "the key " + Blame.quote(key) + " occurs twice");
    }
    expect(':');
    member.accept(key);
  }

  /**
   * Reads an array.
   *
   * @param element must read one element
   */
  public void array(Runnable element) {
    expect('[');
    descend();
    if (peek() != ']') {
      element.run();
      while (peek() == ',') {
        advance();
        element.run();
      }
    }
    expect(']');
    depth--;
  }

  private void descend() {
    if (++depth > MAX_DEPTH) {
      throw error("is nested deeper than " + MAX_DEPTH);
    }
  }

  /**
   * Reads a string.
   *
   * @return its text
   */
  public String string() {
    expect('"');
    int size = 0;
    boolean plain = true;
    long from = offset();
    while (next != '"') {
      if (next < ' ') {
        throw unexpected("a character of a string");
      }
      if (size + 4 > text.length) {
        text = Arrays.copyOf(text, 2 * text.length);
      }
      if (next == '\\') {
        advance();
        size = escape(size);
      } else {
        plain &= next < 0x80;
        text[size++] = (byte) next;
        advance();
      }
    }
    advance();
    if (!plain && Utf8.validPrefix(text, 0, size) != size) {
      throw in.error(from, field, "a string is not UTF-8");
    }
    return new String(text, 0, size, UTF_8);
  }

  private int escape(int size) {
    int c = next;
    advance();
    int plain =
        switch (c) {
          case '"', '\\', '/' -> c;
          case 'b' -> '\b';
          case 'f' -> '\f';
          case 'n' -> '\n';
          case 'r' -> '\r';
          case 't' -> '\t';
          case 'u' -> END;
          default -> throw error("a string has an unknown escape");
        };
    if (plain != END) {
      text[size] = (byte) plain;
      return size + 1;
    }
    int code = hex4();
    if (Character.isHighSurrogate((char) code)) {
      if (next != '\\') {
        throw error("a string has half a surrogate pair");
      }
      advance();
      if (next != 'u') {
        throw error("a string has half a surrogate pair");
      }
      advance();
      char low = (char) hex4();
      if (!Character.isLowSurrogate(low)) {
        throw error("a string has half a surrogate pair");
      }
      code = Character.toCodePoint((char) code, low);
    } else if (Character.isLowSurrogate((char) code)) {
      throw error("a string has half a surrogate pair");
    }
    byte[] utf8 = Character.toString(code).getBytes(UTF_8);
    System.arraycopy(utf8, 0, text, size, utf8.length);
    return size + utf8.length;
  }

  private int hex4() {
    int code = 0;
    for (int i = 0; i < 4; i++) {
      int digit = next < 0x80 ? Character.digit(next, 16) : -1;
      if (digit < 0) {
        throw unexpected("a hexadecimal digit");
      }
      code = 16 * code + digit;
      advance();
    }
    return code;
  }

  /**
   * Reads a number without sign, fraction and exponent.
   *
   * @return 0..2^63 − 1
   */
  public long natural() {
    int first = peek();
    if (first < '0' || first > '9') {
      throw unexpected("a natural number");
    }
    long value = 0;
    int digits = 0;
    while (next >= '0' && next <= '9') {
      int digit = next - '0';
      if (value > (Long.MAX_VALUE - digit) / 10) {
        throw error("a number is above 2^63 - 1");
      }
      value = 10 * value + digit;
      digits++;
      advance();
    }
    if (digits > 1 && first == '0') {
      throw error("a number has a leading zero");
    }
    if (next == '.' || next == 'e' || next == 'E') {
      throw unexpected("the end of a natural number");
    }
    return value;
  }

  /** Passes over a value of any kind. */
  public void skip() {
    switch (peek()) {
      case '{' -> object(key -> skip());
      case '[' -> array(this::skip);
      case '"' -> string();
      case 't' -> word("true");
      case 'f' -> word("false");
      case 'n' -> word("null");
      default -> number();
    }
  }

  private void word(String word) {
    for (int i = 0; i < word.length(); i++) {
      if (next != word.charAt(i)) {
        throw unexpected("'" + word + "'");
      }
      advance();
    }
  }

  private void number() {
    if (next == '-') {
      advance();
    }
    if (next == '0') {
      advance();
    } else {
      digits();
    }
    if (next == '.') {
      advance();
      digits();
    }
    if (next == 'e' || next == 'E') {
      advance();
      if (next == '+' || next == '-') {
        advance();
      }
      digits();
    }
  }

  private void digits() {
    if (next < '0' || next > '9') {
      throw unexpected("a value");
    }
    while (next >= '0' && next <= '9') {
      advance();
    }
  }

  /** Demands that nothing but white space is left. */
  public void end() {
    if (peek() != END) {
      throw unexpected("the end");
    }
  }
}

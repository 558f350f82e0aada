package dev.quern.core.io.internal;

import dev.quern.core.type.FormatException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;

/** Writes the little JSON that headers hold, without white space. */
public final class JsonText {
  /** The order of UTF-8 bytes, which Java's own order of strings is not. */
  public static final Comparator<String> BY_CODE_POINT =
      (a, b) ->
          Arrays.compareUnsigned(
              a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));

  private final String format;
  private final StringBuilder out = new StringBuilder();

  /**
   * No text.
   *
   * @param format named in errors
   */
  public JsonText(String format) {
    this.format = format;
  }

  /**
   * Appends text as it is.
   *
   * @param text JSON
   * @return this
   */
  public JsonText raw(String text) {
    out.append(text);
    return this;
  }

  /**
   * Appends a string with its quotes.
   *
   * @param text any text
   * @return this
   */
  public JsonText string(String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < ' ') {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
    return this;
  }

  /**
   * All that was appended.
   *
   * @return UTF-8
   * @throws FormatException if it has half a surrogate pair
   */
  public byte[] toBytes() {
    try {
      ByteBuffer encoded = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(out));
      byte[] b = new byte[encoded.remaining()];
      encoded.get(b);
      return b;
    } catch (CharacterCodingException e) {
      throw new FormatException(
          "["
              + format
              + "] a name or text has half a surrogate pair: "
              + Blame.quote(out.toString()),
          e);
    }
  }

  /**
   * A header's text with its length before it.
   *
   * @param text the header
   * @param alignment to a multiple of which it is padded with spaces
   * @return eight bytes of length, then the padded text
   */
  public static byte[] withLength(byte[] text, int alignment) {
    int padded = (text.length + alignment - 1) / alignment * alignment;
    byte[] b = Arrays.copyOf(text, padded);
    Arrays.fill(b, text.length, padded, (byte) ' ');
    return ByteBuffer.allocate(Long.BYTES + padded)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(padded)
        .put(b)
        .array();
  }
}

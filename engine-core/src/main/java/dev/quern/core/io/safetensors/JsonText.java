package dev.quern.core.io.safetensors;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.type.FormatException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;

/** Writes the little JSON that safetensors needs, without white space. */
final class JsonText {
  /** The order of UTF-8 bytes, which Java's own order of strings is not. */
  static final Comparator<String> BY_CODE_POINT =
      (a, b) ->
          Arrays.compareUnsigned(
              a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));

  private final StringBuilder out = new StringBuilder();

  /** Appends text as it is. */
  JsonText raw(String text) {
    out.append(text);
    return this;
  }

  /** Appends a string with its quotes. */
  JsonText string(String text) {
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

  /** The text in UTF-8. */
  byte[] toBytes() {
    try {
      ByteBuffer encoded = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(out));
      byte[] b = new byte[encoded.remaining()];
      encoded.get(b);
      return b;
    } catch (CharacterCodingException e) {
      throw new FormatException(
          "[safetensors] a name or text has half a surrogate pair: " + Blame.quote(out.toString()),
          e);
    }
  }

  /** A header's text, padded with spaces, with its length before it. */
  static byte[] withLength(byte[] text, int alignment) {
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

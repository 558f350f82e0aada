package dev.quern.transformer.train.log;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/**
 * Writes a Protocol Buffers message: the five kinds of fields that event files need.
 *
 * <p>Source: the encoding chapter of the Protocol Buffers documentation. A field is a key, {@code
 * number << 3 | wire type}, and a value: a varint (wire type 0), 8 bytes (1), a length and as many
 * bytes (2), or 4 bytes (5). Fields are written in the order of the calls; give them in the order
 * of their numbers, as Google's own libraries write them.
 */
final class Protobuf {
  private static final int VARINT = 0;
  private static final int EIGHT_BYTES = 1;
  private static final int BYTES = 2;
  private static final int FOUR_BYTES = 5;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /** A whole number or an enum's number. Negative ones take ten bytes. */
  Protobuf integer(int field, long value) {
    varint((long) field << 3 | VARINT);
    varint(value);
    return this;
  }

  /** A {@code double}. */
  Protobuf number(int field, double value) {
    varint((long) field << 3 | EIGHT_BYTES);
    out.writeBytes(littleEndian(8, b -> b.putDouble(value)));
    return this;
  }

  /** A {@code float}. */
  Protobuf single(int field, float value) {
    varint((long) field << 3 | FOUR_BYTES);
    out.writeBytes(littleEndian(4, b -> b.putFloat(value)));
    return this;
  }

  /** A {@code string}. */
  Protobuf text(int field, String value) {
    return bytes(field, value.getBytes(StandardCharsets.UTF_8));
  }

  /** A {@code bytes} field or a packed repeated one. */
  Protobuf bytes(int field, byte[] value) {
    varint((long) field << 3 | BYTES);
    varint(value.length);
    out.writeBytes(value);
    return this;
  }

  /** A message inside this one. */
  Protobuf message(int field, Protobuf value) {
    return bytes(field, value.toBytes());
  }

  /** Everything written so far. */
  byte[] toBytes() {
    return out.toByteArray();
  }

  private void varint(long value) {
    long rest = value;
    while ((rest & ~0x7FL) != 0) {
      out.write((int) ((rest & 0x7F) | 0x80));
      rest >>>= 7;
    }
    out.write((int) rest);
  }

  /** Bytes in the order of everything here, written by {@code fill}. */
  static byte[] littleEndian(int bytes, Consumer<ByteBuffer> fill) {
    byte[] array = new byte[bytes];
    fill.accept(ByteBuffer.wrap(array).order(ByteOrder.LITTLE_ENDIAN));
    return array;
  }
}

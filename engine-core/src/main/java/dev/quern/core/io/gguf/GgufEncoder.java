package dev.quern.core.io.gguf;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.type.FormatException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.util.Arrays;

/** Encodes metadata and tensor descriptions into a growing byte array. */
final class GgufEncoder {
  private byte[] bytes = new byte[64];
  private int size;

  private int grow(long more) {
    long wanted = size + more;
    if (wanted > Integer.MAX_VALUE - 8) {
      throw new FormatException("[gguf] the metadata would exceed 2 GiB");
    }
    if (wanted > bytes.length) {
      bytes = Arrays.copyOf(bytes, (int) Math.max(wanted, Math.min(2L * bytes.length, 1 << 30)));
    }
    int at = size;
    size += (int) more;
    return at;
  }

  private void little(long value, int count) {
    int at = grow(count);
    for (int i = 0; i < count; i++) {
      bytes[at + i] = (byte) (value >>> (8 * i));
    }
  }

  void int32(int value) {
    little(value, 4);
  }

  void int64(long value) {
    little(value, 8);
  }

  void raw(byte[] value) {
    int at = grow(value.length);
    System.arraycopy(value, 0, bytes, at, value.length);
  }

  void string(String value) {
    byte[] utf8 = utf8(value);
    int64(utf8.length);
    raw(utf8);
  }

  /** Encodes text; half of a surrogate pair would silently become a question mark. */
  static byte[] utf8(String text) {
    try {
      ByteBuffer encoded = UTF_8.newEncoder().encode(CharBuffer.wrap(text));
      byte[] b = new byte[encoded.remaining()];
      encoded.get(b);
      return b;
    } catch (CharacterCodingException e) {
      throw new FormatException(
          "[gguf] " + Blame.quote(text) + " cannot be written: it has half a surrogate pair", e);
    }
  }

  /** A value without its type. */
  void value(GgufValue value) {
    switch (value) {
      case GgufValue.Text t -> string(t.value());
      case GgufValue.Bool b -> little(b.value() ? 1 : 0, 1);
      case GgufValue.Int i -> little(i.value(), i.type().bytes());
      case GgufValue.Real r -> {
        if (r.type() == GgufType.FLOAT32) {
          int32(Float.floatToRawIntBits((float) r.value()));
        } else {
          int64(Double.doubleToRawLongBits(r.value()));
        }
      }
      case EncodedArray a -> {
        int32(a.elementType().id());
        int64(a.size());
        MemorySegment encoded = a.encoded();
        int at = grow(encoded.byteSize());
        MemorySegment.copy(encoded, ValueLayout.JAVA_BYTE, 0, bytes, at, (int) encoded.byteSize());
      }
    }
  }

  int size() {
    return size;
  }

  byte[] toBytes() {
    return Arrays.copyOf(bytes, size);
  }

  /** What was encoded so far, as the elements of an array. */
  GgufValue.Array toArray(GgufType elementType, int count) {
    MemorySegment heap = MemorySegment.ofArray(toBytes());
    return new EncodedArray(
        new Blame("gguf", "array made in memory"),
        "array",
        () -> heap,
        0,
        size,
        elementType,
        count);
  }
}

package dev.quern.core.io.gguf;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Builds GGUF files byte by byte, right or wrong: it writes what it is told and knows nothing of
 * the reader or the writer under test. Remembers where each field begins.
 */
final class GgufBytes {
  /** A field that was written. */
  record Field(String name, int offset, int length) {}

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final List<Field> fields = new ArrayList<>();

  /** A whole header: magic, version 3 and the two counts. */
  static GgufBytes header(long tensors, long pairs) {
    return new GgufBytes()
        .raw("magic", "GGUF".getBytes(UTF_8))
        .u32("version", 3)
        .u64("tensor count", tensors)
        .u64("pair count", pairs);
  }

  GgufBytes raw(String name, byte... value) {
    fields.add(new Field(name, out.size(), value.length));
    out.writeBytes(value);
    return this;
  }

  GgufBytes u8(String name, int value) {
    return little(name, value, 1);
  }

  GgufBytes u16(String name, int value) {
    return little(name, value, 2);
  }

  GgufBytes u32(String name, long value) {
    return little(name, value, 4);
  }

  GgufBytes u64(String name, long value) {
    return little(name, value, 8);
  }

  private GgufBytes little(String name, long value, int bytes) {
    byte[] b = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      b[i] = (byte) (value >>> 8 * i);
    }
    return raw(name, b);
  }

  GgufBytes string(String name, String value) {
    byte[] b = value.getBytes(UTF_8);
    return u64(name + " length", b.length).raw(name, b);
  }

  /** Key and type of a pair; the value follows. */
  GgufBytes pair(String key, GgufType type) {
    return string("key " + key, key).u32("type of " + key, type.id());
  }

  /** Element type and length of an array; the elements follow. */
  GgufBytes array(String key, GgufType elementType, long length) {
    return u32("element type of " + key, elementType.id()).u64("array length of " + key, length);
  }

  /** A tensor's description; extents innermost first. */
  GgufBytes tensor(String name, int type, long offset, long... ne) {
    string("tensor " + name, name).u32("dimension count of " + name, ne.length);
    for (int i = 0; i < ne.length; i++) {
      u64("dimension " + i + " of " + name, ne[i]);
    }
    return u32("element type of " + name, type).u64("offset of " + name, offset);
  }

  GgufBytes pad(int alignment) {
    int zeros = (alignment - out.size() % alignment) % alignment;
    return raw("padding", new byte[zeros]);
  }

  List<Field> fields() {
    return List.copyOf(fields);
  }

  int size() {
    return out.size();
  }

  byte[] toBytes() {
    return out.toByteArray();
  }

  Path writeTo(Path file) {
    try {
      return Files.write(file, toBytes());
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}

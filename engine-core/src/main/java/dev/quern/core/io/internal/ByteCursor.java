package dev.quern.core.io.internal;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.quern.core.type.FormatException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Reads little-endian fields of a file in order, never beyond its end.
 *
 * <p>Every read names its field; a field that does not fit into what is left of the file is a
 * {@link FormatException}. Bytes pass through a small window on the heap: plain array code is fast
 * long before the compiler has warmed up, which is when files are opened.
 */
public final class ByteCursor {
  private static final int WINDOW = 1 << 16;

  private final Blame blame;
  private final MemorySegment bytes;
  private final long end;
  private byte[] window = new byte[0];
  private long windowStart;
  private long position;

  /**
   * A cursor at the beginning of a file.
   *
   * @param blame names the file in errors
   * @param bytes the whole file
   */
  public ByteCursor(Blame blame, MemorySegment bytes) {
    this(blame, bytes, 0, bytes.byteSize());
  }

  /**
   * A cursor over a part of a file; offsets in errors are those of the file.
   *
   * @param blame names the file in errors
   * @param bytes the whole file
   * @param from first byte
   * @param end after the last byte
   */
  public ByteCursor(Blame blame, MemorySegment bytes, long from, long end) {
    this.blame = blame;
    this.bytes = bytes;
    this.position = from;
    this.end = end;
  }

  /**
   * Where the next field begins.
   *
   * @return offset in the file, bytes
   */
  public long position() {
    return position;
  }

  /**
   * What is left.
   *
   * @return bytes
   */
  public long remaining() {
    return end - position;
  }

  /**
   * An error about a field.
   *
   * @param offset where the field begins
   * @param field which field
   * @param detail what is wrong
   * @return the exception, to be thrown
   */
  public FormatException error(long offset, String field, String detail) {
    return blame.at(offset, field, detail);
  }

  /**
   * An unsigned byte.
   *
   * @param field named in errors
   * @return 0..255
   */
  public int u8(String field) {
    int i = need(1, field);
    position += 1;
    return window[i] & 0xFF;
  }

  /**
   * An unsigned 16-bit integer.
   *
   * @param field named in errors
   * @return 0..65535
   */
  public int u16(String field) {
    int i = need(2, field);
    position += 2;
    return (window[i] & 0xFF) | (window[i + 1] & 0xFF) << 8;
  }

  /**
   * A 32-bit integer.
   *
   * @param field named in errors
   * @return its bits
   */
  public int i32(String field) {
    int i = need(4, field);
    position += 4;
    return int32At(i);
  }

  /**
   * An unsigned 32-bit integer.
   *
   * @param field named in errors
   * @return 0..2^32 − 1
   */
  public long u32(String field) {
    return Integer.toUnsignedLong(i32(field));
  }

  /**
   * A 64-bit integer.
   *
   * @param field named in errors
   * @return its bits
   */
  public long i64(String field) {
    int i = need(8, field);
    position += 8;
    return Integer.toUnsignedLong(int32At(i)) | (long) int32At(i + 4) << 32;
  }

  /**
   * A count of things that follow, each of which takes some bytes.
   *
   * @param field named in errors
   * @param leastBytes the fewest bytes that one of them can take, at least 1
   * @param limit the most that is sensible
   * @return 0..limit, so many that they fit into the file
   */
  public long count(String field, long leastBytes, long limit) {
    long at = position;
    long n = i64(field);
    if (n < 0 || n > remaining() / leastBytes) {
      throw error(
          at,
          field,
          Long.toUnsignedString(n)
              + " do not fit into the remaining "
              + remaining()
              + " bytes of the file (at least "
              + leastBytes
              + " bytes each)");
    }
    if (n > limit) {
      throw error(at, field, n + " is more than the limit of " + limit);
    }
    return n;
  }

  /**
   * Passes over bytes.
   *
   * @param length how many, not negative
   * @param field named in errors
   */
  public void skip(long length, String field) {
    if (length > remaining()) {
      throw tooShort(length, field);
    }
    position += length;
  }

  /**
   * Passes over text and checks that it is UTF-8.
   *
   * @param length bytes, not negative
   * @param field named in errors
   */
  public void skipUtf8(long length, String field) {
    if (length > remaining()) {
      throw tooShort(length, field);
    }
    long stop = position + length;
    while (position < stop) {
      int i = load((int) Math.min(stop - position, WINDOW));
      int to = (int) Math.min(window.length, i + (stop - position));
      int valid = Utf8.validPrefix(window, i, to);
      if (valid == i) {
        throw error(position, field, "is not UTF-8");
      }
      position += valid - i;
    }
  }

  /**
   * Text.
   *
   * @param length bytes, not negative; the caller has limited it
   * @param field named in errors
   * @return the decoded text
   */
  public String utf8(int length, String field) {
    if (length <= WINDOW && length <= remaining()) {
      int i = load(length);
      int valid = Utf8.validPrefix(window, i, i + length);
      if (valid != i + length) {
        throw error(position + valid - i, field, "is not UTF-8");
      }
      position += length;
      return new String(window, i, length, UTF_8);
    }
    long from = position;
    skipUtf8(length, field);
    return new String(bytes.asSlice(from, length).toArray(ValueLayout.JAVA_BYTE), 0, length, UTF_8);
  }

  private int int32At(int i) {
    byte[] w = window;
    return (w[i] & 0xFF)
        | (w[i + 1] & 0xFF) << 8
        | (w[i + 2] & 0xFF) << 16
        | (w[i + 3] & 0xFF) << 24;
  }

  private int need(int length, String field) {
    if (length > end - position) {
      throw tooShort(length, field);
    }
    return load(length);
  }

  /** Index in the window of the byte at {@code position}, with that many bytes following it. */
  private int load(int length) {
    long i = position - windowStart;
    if (i >= 0 && i + length <= window.length) {
      return (int) i;
    }
    int size = (int) Math.min(WINDOW, end - position);
    if (window.length != size) {
      window = new byte[size];
    }
    MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, position, window, 0, size);
    windowStart = position;
    return 0;
  }

  private FormatException tooShort(long length, String field) {
    return error(
        position,
        field,
        Long.toUnsignedString(length)
            + " bytes are needed, but the file ends after "
            + remaining()
            + " more");
  }
}

package dev.quern.core.io.arrow;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * One piece of memory of a column. Its range was checked against the file; what is read from it
 * after the file was closed, or was cut short by somebody, is answered by a typed error.
 */
final class ArrowBuffer {
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final ArrowBytes source;
  private final Blame blame;
  private final long offset;
  private final MemorySegment bytes;

  ArrowBuffer(ArrowBytes source, Blame blame, long offset, long length) {
    this.source = source;
    this.blame = blame;
    this.offset = offset;
    this.bytes = source.all().asSlice(offset, length);
  }

  /** Where it begins in the file. */
  long offset() {
    return offset;
  }

  long size() {
    return bytes.byteSize();
  }

  /** Bit {@code i}, counted from the lowest of the first byte. */
  boolean bit(long i) {
    return (i8(i >> 3) >> (i & 7) & 1) != 0;
  }

  int i8(long i) {
    try {
      return bytes.get(JAVA_BYTE, i);
    } catch (IllegalStateException | InternalError e) {
      throw gone(e);
    }
  }

  int i16(long i) {
    try {
      return bytes.get(I16, i * 2);
    } catch (IllegalStateException | InternalError e) {
      throw gone(e);
    }
  }

  int i32(long i) {
    try {
      return bytes.get(I32, i * 4);
    } catch (IllegalStateException | InternalError e) {
      throw gone(e);
    }
  }

  int int32AtByte(long offset) {
    try {
      return bytes.get(I32, offset);
    } catch (IllegalStateException | InternalError e) {
      throw gone(e);
    }
  }

  long i64(long i) {
    try {
      return bytes.get(I64, i * 8);
    } catch (IllegalStateException | InternalError e) {
      throw gone(e);
    }
  }

  /** An integer of 8, 16, 32 or 64 bits; 64 unsigned ones as they are. */
  long integer(long i, int bits, boolean signed) {
    return switch (bits) {
      case 8 -> signed ? i8(i) : i8(i) & 0xFF;
      case 16 -> signed ? i16(i) : i16(i) & 0xFFFF;
      case 32 -> signed ? i32(i) : Integer.toUnsignedLong(i32(i));
      default -> i64(i);
    };
  }

  byte[] bytes(long from, int length) {
    byte[] b = new byte[length];
    try {
      MemorySegment.copy(bytes, JAVA_BYTE, from, b, 0, length);
    } catch (IllegalStateException | InternalError e) {
      throw gone(e);
    }
    return b;
  }

  /** Copies elements of the byte order and size that the array has too. */
  void copy(long fromByte, MemorySegment to) {
    try {
      to.copyFrom(bytes.asSlice(fromByte, to.byteSize()));
    } catch (IllegalStateException | InternalError e) {
      throw gone(e);
    }
  }

  Storage storage(TensorSpec spec) {
    return source.storage(offset, spec);
  }

  private FormatException gone(Throwable e) {
    source.all();
    return blame.whole("the file became shorter while it was read; restore it and reopen it", e);
  }
}

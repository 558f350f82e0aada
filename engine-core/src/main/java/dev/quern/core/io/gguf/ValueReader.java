package dev.quern.core.io.gguf;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.ByteCursor;
import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/**
 * Reads metadata values. Arrays are walked and checked, not decoded.
 *
 * <p>Time and memory are bounded by limits far above what models need: the nesting of arrays, the
 * number of elements that must be looked at one by one, the bytes of strings in arrays, and the
 * bytes of text that are kept on the heap (keys, names and single strings).
 */
final class ValueReader {
  /** The most elements of one array, and the most that a file may make the reader look at. */
  static final int MAX_ELEMENTS = 1 << 24;

  /** The most bytes of keys, names and single strings of a file. */
  static final int MAX_TEXT_BYTES = 1 << 26;

  /** The most bytes of strings in arrays of a file. */
  static final int MAX_ARRAY_TEXT_BYTES = 1 << 28;

  /** The deepest nesting of arrays. */
  static final int MAX_DEPTH = 8;

  private final Blame blame;
  private final ByteCursor in;
  private final Supplier<MemorySegment> source;
  private long elements;
  private long textBytes;
  private long arrayTextBytes;

  /**
   * A reader.
   *
   * @param blame names the file in errors
   * @param in where to read
   * @param source the same bytes, for arrays that are decoded later
   */
  ValueReader(Blame blame, ByteCursor in, Supplier<MemorySegment> source) {
    this.blame = blame;
    this.in = in;
    this.source = source;
  }

  /** Reads the number of a type. */
  GgufType type(String field) {
    long at = in.position();
    long id = in.u32(field);
    GgufType type = GgufType.of(id);
    if (type == null) {
      throw in.error(at, field, id + " is not a type of metadata values (0 to 12)");
    }
    return type;
  }

  /** Reads text that is kept. */
  String text(String field, int limitBytes) {
    int length = (int) in.count(field + " length", 1, limitBytes);
    textBytes += length;
    if (textBytes > MAX_TEXT_BYTES) {
      throw in.error(
          in.position(), field, "the file's texts exceed the limit of " + MAX_TEXT_BYTES);
    }
    return in.utf8(length, field);
  }

  /** Reads a value. */
  GgufValue read(String field, GgufType type) {
    return switch (type) {
      case STRING -> new GgufValue.Text(text(field, MAX_TEXT_BYTES));
      case BOOL -> new GgufValue.Bool(bool(field));
      case FLOAT32, FLOAT64 -> new GgufValue.Real(type, real(in, field, type));
      case ARRAY -> {
        GgufType elementType = type(field + " element type");
        int size = size(field, elementType);
        long from = in.position();
        skip(field, elementType, size, 1);
        yield new EncodedArray(blame, field, source, from, in.position() - from, elementType, size);
      }
      default -> new GgufValue.Int(type, integer(in, field, type));
    };
  }

  private int size(String field, GgufType elementType) {
    return (int) in.count(field + " array length", elementType.leastBytes(), MAX_ELEMENTS);
  }

  private void skip(String field, GgufType elementType, int size, int depth) {
    if (elementType.bytes() > 0 && elementType != GgufType.BOOL) {
      in.skip((long) size * elementType.bytes(), field);
      return;
    }
    elements += size;
    if (elements > MAX_ELEMENTS) {
      throw in.error(
          in.position(),
          field,
          "the file's arrays have more than " + MAX_ELEMENTS + " elements of varying size");
    }
    if (elementType == GgufType.ARRAY && depth >= MAX_DEPTH) {
      throw in.error(in.position(), field, "arrays are nested deeper than " + MAX_DEPTH);
    }
    for (int i = 0; i < size; i++) {
      switch (elementType) {
        case BOOL -> bool(field);
        case STRING -> skipText(field);
        default -> {
          GgufType inner = type(field);
          skip(field, inner, size(field, inner), depth + 1);
        }
      }
    }
  }

  private void skipText(String field) {
    long length = in.count(field, 1, MAX_ARRAY_TEXT_BYTES);
    arrayTextBytes += length;
    if (arrayTextBytes > MAX_ARRAY_TEXT_BYTES) {
      throw in.error(
          in.position(),
          field,
          "the strings of the file's arrays exceed the limit of "
              + MAX_ARRAY_TEXT_BYTES
              + " bytes");
    }
    in.skipUtf8(length, field);
  }

  private boolean bool(String field) {
    long at = in.position();
    int b = in.u8(field);
    if (b > 1) {
      throw in.error(at, field, "a BOOL must be 0 or 1, not " + b);
    }
    return b == 1;
  }

  /** Reads an integer; a UINT64 as its bits. */
  static long integer(ByteCursor in, String field, GgufType type) {
    return switch (type) {
      case UINT8 -> in.u8(field);
      case INT8 -> (byte) in.u8(field);
      case UINT16 -> in.u16(field);
      case INT16 -> (short) in.u16(field);
      case UINT32 -> in.u32(field);
      case INT32 -> in.i32(field);
      case UINT64, INT64 -> in.i64(field);
      default -> throw new IllegalArgumentException(type + " is no integer type");
    };
  }

  /** Reads a floating point number. */
  static double real(ByteCursor in, String field, GgufType type) {
    return type == GgufType.FLOAT32
        ? Float.intBitsToFloat(in.i32(field))
        : Double.longBitsToDouble(in.i64(field));
  }
}

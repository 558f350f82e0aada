package dev.quern.core.io.gguf;

import org.jspecify.annotations.Nullable;

/** The types of metadata values, in the order of their numbers. */
public enum GgufType {
  /** Unsigned 8-bit integer. */
  UINT8(0, 1),
  /** Signed 8-bit integer. */
  INT8(1, 1),
  /** Unsigned 16-bit integer. */
  UINT16(2, 2),
  /** Signed 16-bit integer. */
  INT16(3, 2),
  /** Unsigned 32-bit integer. */
  UINT32(4, 4),
  /** Signed 32-bit integer. */
  INT32(5, 4),
  /** IEEE 754 binary32. */
  FLOAT32(6, 4),
  /** One byte, 0 or 1. */
  BOOL(7, 1),
  /** UTF-8 with its length in bytes before it. */
  STRING(8, 0),
  /** Values of one type, with that type and their number before them. */
  ARRAY(9, 0),
  /** Unsigned 64-bit integer. */
  UINT64(10, 8),
  /** Signed 64-bit integer. */
  INT64(11, 8),
  /** IEEE 754 binary64. */
  FLOAT64(12, 8);

  private static final GgufType[] BY_ID = values();

  private final int id;
  private final int bytes;

  GgufType(int id, int bytes) {
    this.id = id;
    this.bytes = bytes;
  }

  /**
   * The number that stands for it in a file.
   *
   * @return 0..12
   */
  public int id() {
    return id;
  }

  /**
   * Size of a value.
   *
   * @return bytes; 0 if it varies (STRING, ARRAY)
   */
  public int bytes() {
    return bytes;
  }

  /**
   * Whether it is one of the eight integer types.
   *
   * @return true for INT8..UINT64
   */
  public boolean isInteger() {
    return bytes > 0 && !isFloating() && this != BOOL;
  }

  /**
   * Whether it is a floating point type.
   *
   * @return true for FLOAT32 and FLOAT64
   */
  public boolean isFloating() {
    return this == FLOAT32 || this == FLOAT64;
  }

  /** The fewest bytes that a value takes in a file. */
  int leastBytes() {
    return switch (this) {
      case STRING -> 8;
      case ARRAY -> 12;
      default -> bytes;
    };
  }

  /** Whether an integer fits; a UINT64 is given as its bits, so everything fits. */
  boolean holds(long value) {
    return switch (this) {
      case UINT8 -> value >= 0 && value <= 0xFF;
      case INT8 -> value == (byte) value;
      case UINT16 -> value >= 0 && value <= 0xFFFF;
      case INT16 -> value == (short) value;
      case UINT32 -> value >= 0 && value <= 0xFFFF_FFFFL;
      case INT32 -> value == (int) value;
      case UINT64, INT64 -> true;
      default -> false;
    };
  }

  static @Nullable GgufType of(long id) {
    return id >= 0 && id < BY_ID.length ? BY_ID[(int) id] : null;
  }
}

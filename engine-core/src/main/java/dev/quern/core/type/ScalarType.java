package dev.quern.core.type;

/** Element types whose elements stand alone. All are little-endian in memory and in files. */
public enum ScalarType implements DType {
  /** IEEE 754 binary64. */
  F64(8, true),
  /** IEEE 754 binary32. */
  F32(4, true),
  /** IEEE 754 binary16. */
  F16(2, true),
  /** The upper half of a binary32 (8 exponent bits, 7 fraction bits). */
  BF16(2, true),
  /** Signed 64-bit integer. */
  I64(8, false),
  /** Signed 32-bit integer. */
  I32(4, false),
  /** Signed 16-bit integer. */
  I16(2, false),
  /** Signed 8-bit integer. */
  I8(1, false),
  /** Unsigned 8-bit integer. */
  U8(1, false),
  /** One byte; 0 is false, 1 is true. */
  BOOL(1, false);

  private final int bytes;
  private final boolean floating;

  ScalarType(int bytes, boolean floating) {
    this.bytes = bytes;
    this.floating = floating;
  }

  /**
   * Size of one element.
   *
   * @return bytes
   */
  public int bytes() {
    return bytes;
  }

  @Override
  public int blockLength() {
    return 1;
  }

  @Override
  public int blockBytes() {
    return bytes;
  }

  @Override
  public boolean isFloating() {
    return floating;
  }
}

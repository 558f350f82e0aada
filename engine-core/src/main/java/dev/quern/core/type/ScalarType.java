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
  /**
   * 8-bit float of 1 sign, 4 exponent (bias 7) and 3 fraction bits: E4M3 of the Open Compute
   * Project's "OFP8 Formats" 1.0, in PyTorch {@code float8_e4m3fn}. There are no infinities; the
   * largest number is 448, 0x7f and 0xff are not numbers. Stored and converted, not computed with.
   */
  F8_E4M3(1, true),
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

  @Override
  public boolean isArithmetic() {
    return this != F8_E4M3;
  }
}

package dev.quern.core.reference;

/**
 * Rounding to the 16-bit floats, to nearest with ties to even, in one step: first to a binary32 by
 * rounding to odd, which keeps enough of what was cut off for the second rounding to be right
 * (Boldo and Melquiond 2008).
 */
final class Rounding {
  private static final int FLOAT_BITS = 24;

  private Rounding() {}

  /** Bits of the nearest binary16; NaN stays NaN. */
  static short toF16(double x) {
    return Float.floatToFloat16(toOdd(x));
  }

  /** Bits of the nearest bfloat16; NaN stays NaN. */
  static short toBf16(double x) {
    return toBf16(toOdd(x));
  }

  /** Bits of the nearest bfloat16; NaN stays NaN. */
  static short toBf16(float x) {
    int bits = Float.floatToRawIntBits(x);
    if (Float.isNaN(x)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  static float fromBf16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** The binary32 towards zero, its last bit set if anything was cut off. */
  private static float toOdd(double x) {
    float f = (float) x;
    if (Double.isNaN(x) || (double) f == x) {
      return f;
    }
    int bits = Float.floatToRawIntBits(f);
    if (Math.abs((double) f) > Math.abs(x)) {
      bits--;
    }
    return Float.intBitsToFloat(bits | 1);
  }

  /** The same for an integer, which a double can't hold without rounding. */
  static float toOdd(long x) {
    long magnitude = Math.abs(x);
    int cut = Math.max(0, Long.SIZE - Long.numberOfLeadingZeros(magnitude) - FLOAT_BITS);
    long kept = magnitude >>> cut;
    if (kept << cut != magnitude) {
      kept |= 1;
    }
    float f = Math.scalb((float) kept, cut);
    return x < 0 ? -f : f;
  }
}

package dev.quern.core.reference;

/**
 * Rounding to the 16-bit and 8-bit floats, to nearest with ties to even, in one step: first to a
 * binary32 by rounding to odd, which keeps enough of what was cut off for the second rounding to be
 * right (Boldo and Melquiond 2008).
 */
final class Rounding {
  private static final int FLOAT_BITS = 24;
  private static final int SIGN = 0x80;
  private static final int E4M3_NAN = 0x7f;
  private static final int E4M3_LARGEST = 0x7e; // 448
  private static final float E4M3_NORMAL = 0x1p-6f;
  private static final float E4M3_STEP = 0x1p-9f; // between subnormal numbers
  private static final int E4M3_CUT = 23 - 3; // fraction bits that a binary32 has more
  private static final int E4M3_REBIAS = 127 - 7;

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

  /** Bits of the nearest E4M3; ±448 beyond that, for infinities too; NaN stays NaN. */
  static byte toE4M3(double x) {
    return toE4M3(toOdd(x));
  }

  /** Bits of the nearest E4M3; ±448 beyond that, for infinities too; NaN stays NaN. */
  static byte toE4M3(float x) {
    int bits = Float.floatToRawIntBits(x);
    float magnitude = Math.abs(x);
    int m = bits & Integer.MAX_VALUE;
    int code;
    if (Float.isNaN(x)) {
      code = E4M3_NAN;
    } else if (magnitude < E4M3_NORMAL) {
      code = (int) Math.rint(magnitude / E4M3_STEP); // 8 steps are the smallest normal number
    } else {
      int even = (m >>> E4M3_CUT) & 1;
      int rounded = (m + (1 << (E4M3_CUT - 1)) - 1 + even) >>> E4M3_CUT;
      code = Math.min(rounded - (E4M3_REBIAS << 3), E4M3_LARGEST);
    }
    return (byte) (code | ((bits >>> 24) & SIGN));
  }

  /** The value of E4M3 bits. */
  static float fromE4M3(byte bits) {
    int code = bits & (SIGN - 1);
    float magnitude =
        code == E4M3_NAN
            ? Float.NaN
            : code < 8
                ? code * E4M3_STEP
                : Float.intBitsToFloat((code + (E4M3_REBIAS << 3)) << E4M3_CUT);
    return bits < 0 ? -magnitude : magnitude;
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

package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Segments.I16;
import static dev.quern.kernels.cpu.Segments.I8;

import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Runs of F32, F16 and BF16 to F32 and back. Kernels compute on F32 alone; runs of 16-bit elements
 * are widened into the first-level cache first and narrowed afterwards. So are casts from and to
 * F8_E4M3, and weights, keys and values in it.
 *
 * <p>There is no 16-bit float in the Vector API of JDK 25. F16 is widened with integer operations
 * (0.2 ns an element; the scalar conversion, which has an instruction, takes 0.56), without the
 * multiplication of denormals that makes processors stumble. It is narrowed by the scalar
 * instruction (0.29 ns). BF16 is the upper half of an F32.
 */
final class Convert {
  private static final int F16_INFINITY = 0x7c00 << 13;
  private static final int F32_INFINITY = 0x7f800000;
  private static final int REBIAS = (127 - 15) << 23;
  private static final float SMALLEST_NORMAL = 0x1p-14f;
  private static final int E4M3_NAN = 0x7f << 20;
  private static final int E4M3_REBIAS = (127 - 7) << 23;
  private static final float E4M3_SMALLEST_NORMAL = 0x1p-6f;
  private static final float E4M3_LARGEST = 448;

  private Convert() {}

  /** Whether kernels compute with elements of a type, which are widened and narrowed here. */
  static boolean handles(DType t) {
    return t == ScalarType.F32 || t == ScalarType.F16 || t == ScalarType.BF16;
  }

  /** Whether elements of a type can be widened and narrowed here. */
  static boolean converts(DType t) {
    return handles(t) || t == ScalarType.F8_E4M3;
  }

  /**
   * n elements without gaps to F32.
   *
   * @param t F32, F16, BF16 or F8_E4M3
   */
  static void widen(DType t, MemorySegment s, long from, MemorySegment d, long to, int n) {
    if (t == ScalarType.F32) {
      MemorySegment.copy(s, from, d, to, (long) n * Float.BYTES);
    } else if (t == ScalarType.BF16) {
      widenBf16(s, from, d, to, n);
    } else if (t == ScalarType.F8_E4M3) {
      widenE4m3(s, from, d, to, n);
    } else {
      assert t == ScalarType.F16;
      widenF16(s, from, d, to, n);
    }
  }

  /** n elements {@code stride} bytes apart (0 and negative too) to F32 without gaps. */
  static void gather(
      DType t, MemorySegment s, long from, long stride, MemorySegment d, long to, int n) {
    if (stride == t.blockBytes()) {
      widen(t, s, from, d, to, n);
    } else if (stride == 0) {
      fill(scalar(t, s, from), d, to, n);
    } else if (t == ScalarType.F32) {
      for (int i = 0; i < n; i++) {
        d.set(F32, to + 4L * i, s.get(F32, from + i * stride));
      }
    } else {
      for (int i = 0; i < n; i++) {
        d.set(F32, to + 4L * i, scalar(t, s, from + i * stride));
      }
    }
  }

  /** One element as F32. */
  static float scalar(DType t, MemorySegment s, long at) {
    if (t == ScalarType.F32) {
      return s.get(F32, at);
    }
    if (t == ScalarType.F8_E4M3) {
      return e4m3(s.get(I8, at));
    }
    short h = s.get(I16, at);
    return t == ScalarType.BF16 ? Float.intBitsToFloat(h << 16) : Float.float16ToFloat(h);
  }

  /** n times the same F32. */
  static void fill(float x, MemorySegment d, long to, int n) {
    FloatVector v = FloatVector.broadcast(Simd.F, x);
    int i = 0;
    for (; i <= n - Simd.L; i += Simd.L) {
      v.intoMemorySegment(d, to + 4L * i, Simd.LE);
    }
    for (; i < n; i++) {
      d.set(F32, to + 4L * i, x);
    }
  }

  /** n F32 without gaps to elements of another type without gaps, rounded to nearest even. */
  static void narrow(DType t, MemorySegment s, long from, MemorySegment d, long to, int n) {
    if (t == ScalarType.F32) {
      MemorySegment.copy(s, from, d, to, (long) n * Float.BYTES);
    } else if (t == ScalarType.BF16) {
      narrowBf16(s, from, d, to, n);
    } else if (t == ScalarType.F8_E4M3) {
      for (int i = 0; i < n; i++) {
        d.set(I8, to + i, e4m3Bits(s.get(F32, from + 4L * i)));
      }
    } else {
      assert t == ScalarType.F16;
      for (int i = 0; i < n; i++) {
        d.set(I16, to + 2L * i, Float.floatToFloat16(s.get(F32, from + 4L * i)));
      }
    }
  }

  /** n F32 without gaps to elements {@code stride} bytes apart. */
  static void scatter(
      DType t, MemorySegment s, long from, MemorySegment d, long to, long stride, int n) {
    for (int i = 0; i < n; i++) {
      float x = s.get(F32, from + 4L * i);
      long at = to + i * stride;
      if (t == ScalarType.F32) {
        d.set(F32, at, x);
      } else {
        d.set(I16, at, t == ScalarType.BF16 ? bf16Bits(x) : Float.floatToFloat16(x));
      }
    }
  }

  /** Part of a run of BF16 as floats. */
  static FloatVector bf16(ShortVector v, int part) {
    return Simd.ints(v, part).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  /** Part of a run of F16 as floats. Subnormals: an exponent too high, less what it added. */
  static FloatVector f16(ShortVector v, int part) {
    IntVector x = Simd.ints(v, part);
    IntVector em = x.and(0x7fff).lanewise(VectorOperators.LSHL, 13);
    FloatVector normal = em.add(REBIAS).reinterpretAsFloats();
    FloatVector subnormal = em.add(REBIAS + (1 << 23)).reinterpretAsFloats().sub(SMALLEST_NORMAL);
    FloatVector finite =
        normal.blend(subnormal, em.compare(VectorOperators.LT, 1 << 23).cast(Simd.F));
    IntVector bits =
        finite
            .reinterpretAsInts()
            .blend(em.or(F32_INFINITY), em.compare(VectorOperators.GE, F16_INFINITY));
    return bits.or(x.and(Integer.MIN_VALUE)).reinterpretAsFloats();
  }

  /** Part of a run of E4M3 as floats; subnormals as in {@link #f16}. */
  static FloatVector e4m3(ByteVector v, int part) {
    IntVector x = Simd.ints(v, part);
    IntVector em = x.and(0x7f).lanewise(VectorOperators.LSHL, 20);
    FloatVector normal = em.add(E4M3_REBIAS).reinterpretAsFloats();
    FloatVector subnormal =
        em.add(E4M3_REBIAS + (1 << 23)).reinterpretAsFloats().sub(E4M3_SMALLEST_NORMAL);
    FloatVector finite =
        normal.blend(subnormal, em.compare(VectorOperators.LT, 1 << 23).cast(Simd.F));
    IntVector bits =
        finite.reinterpretAsInts().blend(0x7fc00000, em.compare(VectorOperators.EQ, E4M3_NAN));
    return bits.or(x.and(Integer.MIN_VALUE)).reinterpretAsFloats();
  }

  /** n bytes, 1 or 0, to F32. */
  static void widenBool(MemorySegment s, long from, MemorySegment d, long to, int n) {
    int i = 0;
    for (; i <= n - Simd.BL; i += Simd.BL) {
      ByteVector v = Simd.bytes(s, from + i);
      for (int p = 0; p < Simd.B_PARTS; p++) {
        Simd.store(Simd.floats(Simd.ints(v, p)), d, to + 4L * (i + p * Simd.L));
      }
    }
    for (; i < n; i++) {
      d.set(F32, to + 4L * i, s.get(I8, from + i));
    }
  }

  /** n F32 to bytes: 0 for zeros, else 1. */
  static void narrowBool(MemorySegment s, long from, MemorySegment d, long to, int n) {
    int i = 0;
    if (Simd.BL == Simd.L) {
      for (; i <= n - Simd.L; i += Simd.L) {
        VectorMask<Float> m = Simd.load(s, from + 4L * i).compare(VectorOperators.NE, 0f);
        IntVector bits = IntVector.zero(Simd.I).blend(1, m.cast(Simd.I));
        ((ByteVector) bits.convertShape(VectorOperators.I2B, Simd.B, 0))
            .intoMemorySegment(d, to + i, Simd.LE);
      }
    }
    for (; i < n; i++) {
      d.set(I8, to + i, (byte) (s.get(F32, from + 4L * i) != 0 ? 1 : 0));
    }
  }

  private static void widenBf16(MemorySegment s, long from, MemorySegment d, long to, int n) {
    int i = 0;
    for (; i <= n - Simd.HL; i += Simd.HL) {
      ShortVector v = Simd.shorts(s, from + 2L * i);
      for (int p = 0; p < Simd.H_PARTS; p++) {
        Simd.store(bf16(v, p), d, to + 4L * (i + p * Simd.L));
      }
    }
    for (; i < n; i++) {
      d.set(ValueLayout.JAVA_INT_UNALIGNED, to + 4L * i, s.get(I16, from + 2L * i) << 16);
    }
  }

  private static void widenF16(MemorySegment s, long from, MemorySegment d, long to, int n) {
    int i = 0;
    for (; i <= n - Simd.HL; i += Simd.HL) {
      ShortVector v = Simd.shorts(s, from + 2L * i);
      for (int p = 0; p < Simd.H_PARTS; p++) {
        Simd.store(f16(v, p), d, to + 4L * (i + p * Simd.L));
      }
    }
    for (; i < n; i++) {
      d.set(F32, to + 4L * i, Float.float16ToFloat(s.get(I16, from + 2L * i)));
    }
  }

  private static void widenE4m3(MemorySegment s, long from, MemorySegment d, long to, int n) {
    int i = 0;
    for (; i <= n - Simd.BL; i += Simd.BL) {
      ByteVector v = Simd.bytes(s, from + i);
      for (int p = 0; p < Simd.B_PARTS; p++) {
        Simd.store(e4m3(v, p), d, to + 4L * (i + p * Simd.L));
      }
    }
    for (; i < n; i++) {
      d.set(F32, to + 4L * i, e4m3(s.get(I8, from + i)));
    }
  }

  private static void narrowBf16(MemorySegment s, long from, MemorySegment d, long to, int n) {
    int i = 0;
    if (Simd.HL == Simd.L) {
      for (; i <= n - Simd.L; i += Simd.L) {
        IntVector x = Simd.load(s, from + 4L * i).reinterpretAsInts();
        IntVector odd = x.lanewise(VectorOperators.LSHR, 16).and(1);
        IntVector rounded = x.add(0x7fff).add(odd);
        IntVector quiet = x.or(1 << 22);
        IntVector bits =
            rounded
                .blend(quiet, x.and(0x7fffffff).compare(VectorOperators.GT, F32_INFINITY))
                .lanewise(VectorOperators.ASHR, 16);
        ((ShortVector) bits.convertShape(VectorOperators.I2S, Simd.H, 0))
            .intoMemorySegment(d, to + 2L * i, java.nio.ByteOrder.LITTLE_ENDIAN);
      }
    }
    for (; i < n; i++) {
      d.set(I16, to + 2L * i, bf16Bits(s.get(F32, from + 4L * i)));
    }
  }

  private static float e4m3(byte bits) {
    int em = (bits & 0x7f) << 20;
    float magnitude =
        em == E4M3_NAN
            ? Float.NaN
            : em < 1 << 23
                ? Float.intBitsToFloat(em + E4M3_REBIAS + (1 << 23)) - E4M3_SMALLEST_NORMAL
                : Float.intBitsToFloat(em + E4M3_REBIAS);
    return bits < 0 ? -magnitude : magnitude;
  }

  private static byte e4m3Bits(float x) {
    int b = Float.floatToRawIntBits(x);
    int m = b & Integer.MAX_VALUE;
    float magnitude = Math.abs(x);
    int code;
    if (Float.isNaN(x)) {
      code = E4M3_NAN >>> 20;
    } else if (magnitude >= E4M3_LARGEST) {
      code = 0x7e;
    } else if (magnitude < E4M3_SMALLEST_NORMAL) {
      // adding 2^14 leaves the rounded multiple of 2^-9 in the last bits
      code = Float.floatToRawIntBits(magnitude + 0x1p14f) - Float.floatToRawIntBits(0x1p14f);
    } else {
      code = (m + 0x7ffff + ((m >>> 20) & 1) - E4M3_REBIAS) >>> 20;
    }
    return (byte) (code | ((b >>> 24) & 0x80));
  }

  private static short bf16Bits(float x) {
    int b = Float.floatToRawIntBits(x);
    return (short)
        (Float.isNaN(x) ? (b | (1 << 22)) >>> 16 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16);
  }
}

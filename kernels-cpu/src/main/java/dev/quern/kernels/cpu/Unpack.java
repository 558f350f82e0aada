package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.I16;
import static dev.quern.kernels.cpu.Segments.I8;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Runs of block formats to F32, value for value.
 *
 * <p>Loop nest: over blocks; over the bytes of a block, a vector at a time; over the parts of it
 * that widen to one vector of floats. Formulas: {@link BlockType}.
 */
final class Unpack {
  private Unpack() {}

  /** Whether a type can be unpacked here. */
  static boolean handles(DType t) {
    return t == BlockType.Q8_0
        || t == BlockType.Q4_0
        || t == BlockType.Q4_K
        || t == BlockType.Q6_K
        || UnpackLevels.handles(t)
        || Convert.converts(t);
  }

  /**
   * n elements without gaps to F32.
   *
   * @param t a type that is handled
   * @param s at least n elements from {@code from} on
   * @param n a multiple of the block length
   */
  static void run(DType t, MemorySegment s, long from, MemorySegment d, long to, int n) {
    // not a switch: over constants of two enums it allocates
    if (t == BlockType.Q8_0) {
      q80(s, from, d, to, n / 32);
    } else if (t == BlockType.Q4_0) {
      q40(s, from, d, to, n / 32);
    } else if (t == BlockType.Q4_K) {
      q4k(s, from, d, to, n / 256);
    } else if (t == BlockType.Q6_K) {
      q6k(s, from, d, to, n / 256);
    } else if (UnpackLevels.handles(t)) {
      UnpackLevels.run(t, s, from, d, to, n);
    } else {
      Convert.widen(t, s, from, d, to, n);
    }
  }

  /** An F16 scale. */
  static float scale(MemorySegment s, long at) {
    return Float.float16ToFloat(s.get(I16, at));
  }

  private static void q80(MemorySegment s, long from, MemorySegment d, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long q = from + b * 34L;
      long y = to + b * 128L;
      FloatVector scale = Simd.all(scale(s, q));
      for (int j = 0; j < 32; j += Simd.BL) {
        ByteVector v = Simd.bytes(s, q + 2 + j);
        for (int p = 0; p < Simd.B_PARTS; p++) {
          FloatVector x = Simd.floats(Simd.ints(v, p)).mul(scale);
          Simd.store(x, d, y + 4L * (j + p * Simd.L));
        }
      }
    }
  }

  private static void q40(MemorySegment s, long from, MemorySegment d, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long q = from + b * 18L;
      long y = to + b * 128L;
      FloatVector scale = Simd.all(scale(s, q));
      for (int j = 0; j < 16; j += Simd.BL) {
        ByteVector v = Simd.bytes(s, q + 2 + j);
        for (int p = 0; p < Simd.B_PARTS; p++) {
          IntVector x = Simd.ints(v, p);
          long at = y + 4L * (j + p * Simd.L);
          Simd.store(Simd.floats(low(x).sub(8)).mul(scale), d, at);
          Simd.store(Simd.floats(high(x).sub(8)).mul(scale), d, at + 64);
        }
      }
    }
  }

  private static void q4k(MemorySegment s, long from, MemorySegment d, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long q = from + b * 144L;
      float scale = scale(s, q);
      float min = scale(s, q + 2);
      for (int g = 0; g < 4; g++) {
        q4kGroup(s, q, g, scale, min, d, to + b * 1024L + g * 256L);
      }
    }
  }

  /** 64 elements: the low nibbles of 32 bytes, then their high ones. */
  private static void q4kGroup(
      MemorySegment s, long block, int g, float scale, float min, MemorySegment d, long to) {
    FloatVector s0 = Simd.all(scale * scale4k(s, block + 4, 2 * g));
    FloatVector s1 = Simd.all(scale * scale4k(s, block + 4, 2 * g + 1));
    FloatVector m0 = Simd.all(-min * min4k(s, block + 4, 2 * g));
    FloatVector m1 = Simd.all(-min * min4k(s, block + 4, 2 * g + 1));
    for (int j = 0; j < 32; j += Simd.BL) {
      ByteVector v = Simd.bytes(s, block + 16 + 32L * g + j);
      for (int p = 0; p < Simd.B_PARTS; p++) {
        IntVector x = Simd.ints(v, p);
        long at = to + 4L * (j + p * Simd.L);
        Simd.store(Simd.floats(low(x)).fma(s0, m0), d, at);
        Simd.store(Simd.floats(high(x)).fma(s1, m1), d, at + 128);
      }
    }
  }

  /** The 6-bit scale of sub-block j of Q4_K, 12 bytes of scales from {@code at} on. */
  static int scale4k(MemorySegment s, long at, int j) {
    return j < 4
        ? s.get(I8, at + j) & 63
        : (s.get(I8, at + j + 4) & 15) | ((s.get(I8, at + j - 4) & 0xc0) >> 2);
  }

  /** The 6-bit minimum of sub-block j of Q4_K. */
  static int min4k(MemorySegment s, long at, int j) {
    return j < 4
        ? s.get(I8, at + j + 4) & 63
        : ((s.get(I8, at + j + 4) & 0xf0) >> 4) | ((s.get(I8, at + j) & 0xc0) >> 2);
  }

  private static void q6k(MemorySegment s, long from, MemorySegment d, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long q = from + b * 210L;
      float scale = scale(s, q + 208);
      for (int half = 0; half < 2; half++) {
        for (int j = 0; j < 32; j += Simd.BL) {
          q6kGroup(s, q, half, j, scale, d, to + b * 1024L + half * 512L + 4L * j);
        }
      }
    }
  }

  /** BL times four elements, 32 apart. Scales change every 16. */
  private static void q6kGroup(
      MemorySegment s, long block, int half, int j, float scale, MemorySegment d, long to) {
    long sc = block + 192 + 8L * half + j / 16;
    FloatVector s0 = Simd.all(scale * s.get(I8, sc));
    FloatVector s1 = Simd.all(scale * s.get(I8, sc + 2));
    FloatVector s2 = Simd.all(scale * s.get(I8, sc + 4));
    FloatVector s3 = Simd.all(scale * s.get(I8, sc + 6));
    ByteVector a = Simd.bytes(s, block + 64L * half + j);
    ByteVector b = Simd.bytes(s, block + 64L * half + 32 + j);
    ByteVector h = Simd.bytes(s, block + 128 + 32L * half + j);
    for (int p = 0; p < Simd.B_PARTS; p++) {
      IntVector x = Simd.ints(a, p);
      IntVector y = Simd.ints(b, p);
      IntVector z = Simd.ints(h, p);
      long at = to + 4L * p * Simd.L;
      Simd.store(Simd.floats(six0(x, z)).mul(s0), d, at);
      Simd.store(Simd.floats(six1(y, z)).mul(s1), d, at + 128);
      Simd.store(Simd.floats(six2(x, z)).mul(s2), d, at + 256);
      Simd.store(Simd.floats(six3(y, z)).mul(s3), d, at + 384);
    }
  }

  /** The low four bits of each lane. */
  static IntVector low(IntVector x) {
    return x.and(15);
  }

  /** The next four bits of each lane. */
  static IntVector high(IntVector x) {
    return x.lanewise(VectorOperators.LSHR, 4).and(15);
  }

  /** The low four bits of q and bits 0 and 1 of h, less 32. */
  static IntVector six0(IntVector q, IntVector h) {
    return low(q).or(h.and(0x03).lanewise(VectorOperators.LSHL, 4)).sub(32);
  }

  /** The low four bits of q and bits 2 and 3 of h, less 32. */
  static IntVector six1(IntVector q, IntVector h) {
    return low(q).or(h.and(0x0c).lanewise(VectorOperators.LSHL, 2)).sub(32);
  }

  /** The next four bits of q and bits 4 and 5 of h, less 32. */
  static IntVector six2(IntVector q, IntVector h) {
    return high(q).or(h.and(0x30)).sub(32);
  }

  /** The next four bits of q and bits 6 and 7 of h, less 32. */
  static IntVector six3(IntVector q, IntVector h) {
    return high(q).or(h.lanewise(VectorOperators.LSHR, 2).and(0x30)).sub(32);
  }
}

package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.I16;
import static dev.quern.kernels.cpu.Segments.I32;
import static dev.quern.kernels.cpu.Segments.I8;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The block formats that have no dot product of their own, to F32, value for value: 16 bytes of
 * levels at a time, which every format has side by side, then as floats times a scale plus an
 * offset. A format is one method here; products and look-ups follow from it ({@link DotRows},
 * {@link Gemm}).
 *
 * <p>Formulas and layouts: {@link BlockType}.
 */
final class UnpackLevels {
  private static final VectorSpecies<Byte> RUN = ByteVector.SPECIES_128;
  private static final int PARTS = 16 / Simd.L;
  private static final float NONE = -0f; // what changes no sum, not even a negative zero

  private static final ByteVector IQ4 =
      ByteVector.fromArray(
          RUN,
          new byte[] {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113},
          0);

  private UnpackLevels() {}

  /** Whether a type can be unpacked here. */
  static boolean handles(DType t) {
    return t == BlockType.Q4_1
        || t == BlockType.Q5_0
        || t == BlockType.Q5_1
        || t == BlockType.Q2_K
        || t == BlockType.Q3_K
        || t == BlockType.Q5_K
        || t == BlockType.IQ4_NL
        || t == BlockType.IQ4_XS;
  }

  /** {@link Unpack#run} for these types. */
  static void run(DType t, MemorySegment s, long from, MemorySegment d, long to, int n) {
    // not a switch: over constants of two enums it allocates
    if (t == BlockType.Q5_0) {
      q50(s, from, d, to, n / 32);
    } else if (t == BlockType.Q5_K) {
      q5k(s, from, d, to, n / 256);
    } else if (t == BlockType.Q3_K) {
      q3k(s, from, d, to, n / 256);
    } else if (t == BlockType.Q2_K) {
      q2k(s, from, d, to, n / 256);
    } else if (t == BlockType.Q4_1) {
      q41(s, from, d, to, n / 32);
    } else if (t == BlockType.Q5_1) {
      q51(s, from, d, to, n / 32);
    } else if (t == BlockType.IQ4_NL) {
      iq4nl(s, from, d, to, n / 32);
    } else {
      iq4xs(s, from, d, to, n / 256);
    }
  }

  /** 16 levels times scale plus offset. */
  private static void store(ByteVector q, float scale, float offset, MemorySegment d, long to) {
    FloatVector s = Simd.all(scale);
    FloatVector m = Simd.all(offset);
    for (int p = 0; p < PARTS; p++) {
      Simd.store(Simd.floats(Simd.ints(q, p)).fma(s, m), d, to + 4L * p * Simd.L);
    }
  }

  private static ByteVector load(MemorySegment s, long at) {
    return ByteVector.fromMemorySegment(RUN, s, at, Simd.LE);
  }

  private static ByteVector low(ByteVector q) {
    return q.and((byte) 15);
  }

  private static ByteVector high(ByteVector q) {
    return q.lanewise(VectorOperators.LSHR, 4);
  }

  /** Four-bit levels and a fifth bit each, from the lowest of {@code bits} on. */
  private static ByteVector fifth(ByteVector q, int bits) {
    VectorMask<Byte> set = VectorMask.fromLong(RUN, bits & 0xffff);
    return q.lanewise(VectorOperators.OR, (byte) 16, set);
  }

  private static void q41(MemorySegment s, long from, MemorySegment d, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long q = from + b * 20L;
      long y = to + b * 128L;
      float scale = Unpack.scale(s, q);
      float min = Unpack.scale(s, q + 2);
      ByteVector v = load(s, q + 4);
      store(low(v), scale, min, d, y);
      store(high(v), scale, min, d, y + 64);
    }
  }

  private static void q50(MemorySegment s, long from, MemorySegment d, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long q = from + b * 22L;
      long y = to + b * 128L;
      float scale = Unpack.scale(s, q);
      int bits = s.get(I32, q + 2);
      ByteVector v = load(s, q + 6);
      store(fifth(low(v), bits).sub((byte) 16), scale, NONE, d, y);
      store(fifth(high(v), bits >>> 16).sub((byte) 16), scale, NONE, d, y + 64);
    }
  }

  private static void q51(MemorySegment s, long from, MemorySegment d, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long q = from + b * 24L;
      long y = to + b * 128L;
      float scale = Unpack.scale(s, q);
      float min = Unpack.scale(s, q + 2);
      int bits = s.get(I32, q + 4);
      ByteVector v = load(s, q + 8);
      store(fifth(low(v), bits), scale, min, d, y);
      store(fifth(high(v), bits >>> 16), scale, min, d, y + 64);
    }
  }

  private static void q5k(MemorySegment s, long from, MemorySegment d, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long q = from + b * 176L;
      float scale = Unpack.scale(s, q);
      float min = Unpack.scale(s, q + 2);
      for (int g = 0; g < 4; g++) {
        q5kGroup(s, q, g, scale, min, d, to + b * 1024L + g * 256L);
      }
    }
  }

  /** 64 elements: the low nibbles of 32 bytes, then their high ones. */
  private static void q5kGroup(
      MemorySegment s, long block, int g, float scale, float min, MemorySegment d, long to) {
    float s0 = scale * Unpack.scale4k(s, block + 4, 2 * g);
    float s1 = scale * Unpack.scale4k(s, block + 4, 2 * g + 1);
    float m0 = -min * Unpack.min4k(s, block + 4, 2 * g);
    float m1 = -min * Unpack.min4k(s, block + 4, 2 * g + 1);
    for (int j = 0; j < 32; j += 16) {
      ByteVector v = load(s, block + 48 + 32L * g + j);
      ByteVector h = load(s, block + 16 + j).lanewise(VectorOperators.LSHR, 2L * g);
      ByteVector first = h.and((byte) 1).lanewise(VectorOperators.LSHL, 4);
      ByteVector second = h.and((byte) 2).lanewise(VectorOperators.LSHL, 3);
      store(low(v).or(first), s0, m0, d, to + 4L * j);
      store(high(v).or(second), s1, m1, d, to + 4L * j + 128);
    }
  }

  private static void q2k(MemorySegment s, long from, MemorySegment d, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long q = from + b * 84L;
      float scale = Unpack.scale(s, q + 80);
      float min = Unpack.scale(s, q + 82);
      for (int sub = 0; sub < 16; sub++) {
        int packed = s.get(I8, q + sub);
        ByteVector v = pairs(s, q + 16, sub);
        float offset = -min * (packed >> 4 & 15);
        store(v, scale * (packed & 15), offset, d, to + b * 1024L + sub * 64L);
      }
    }
  }

  /** The two-bit levels of a sub-block of 16. */
  private static ByteVector pairs(MemorySegment s, long at, int sub) {
    ByteVector v = load(s, at + sub / 8 * 32L + sub % 2 * 16L);
    return v.lanewise(VectorOperators.LSHR, sub % 8 / 2 * 2L).and((byte) 3);
  }

  private static void q3k(MemorySegment s, long from, MemorySegment d, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long q = from + b * 110L;
      float scale = Unpack.scale(s, q + 108);
      for (int sub = 0; sub < 16; sub++) {
        int low = s.get(I8, q + 96 + sub % 8) >> (sub / 8 * 4) & 15;
        int high = s.get(I8, q + 104 + sub % 4) >> (sub / 4 * 2) & 3;
        ByteVector upper = load(s, q + sub % 2 * 16L).lanewise(VectorOperators.LSHR, sub / 2);
        ByteVector third = upper.and((byte) 1).lanewise(VectorOperators.LSHL, 2);
        ByteVector v = pairs(s, q + 32, sub).or(third).sub((byte) 4);
        store(v, scale * ((low | high << 4) - 32), NONE, d, to + b * 1024L + sub * 64L);
      }
    }
  }

  private static void iq4nl(MemorySegment s, long from, MemorySegment d, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long q = from + b * 18L;
      long y = to + b * 128L;
      float scale = Unpack.scale(s, q);
      ByteVector v = load(s, q + 2);
      store(low(v).selectFrom(IQ4), scale, NONE, d, y);
      store(high(v).selectFrom(IQ4), scale, NONE, d, y + 64);
    }
  }

  private static void iq4xs(MemorySegment s, long from, MemorySegment d, long to, int blocks) {
    for (int b = 0; b < blocks; b++) {
      long q = from + b * 136L;
      float scale = Unpack.scale(s, q);
      int upper = s.get(I16, q + 2);
      int lower = s.get(I32, q + 4);
      for (int r = 0; r < 8; r++) {
        float step = scale * (((lower >> (4 * r) & 15) | (upper >> (2 * r) & 3) << 4) - 32);
        ByteVector v = load(s, q + 8 + 16L * r);
        long y = to + b * 1024L + r * 128L;
        store(low(v).selectFrom(IQ4), step, NONE, d, y);
        store(high(v).selectFrom(IQ4), step, NONE, d, y + 64);
      }
    }
  }
}

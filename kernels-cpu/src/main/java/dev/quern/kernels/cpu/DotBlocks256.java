package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.I16;
import static dev.quern.kernels.cpu.Segments.I32;
import static dev.quern.kernels.cpu.Simd.B;
import static dev.quern.kernels.cpu.Simd.BL;
import static dev.quern.kernels.cpu.Simd.B_PARTS;
import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.I;
import static dev.quern.kernels.cpu.Simd.L;
import static dev.quern.kernels.cpu.Simd.LE;
import static jdk.incubator.vector.VectorOperators.B2I;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2I;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Dot products of rows of Q4_K (four) or Q6_K (two), {@code far} bytes apart, with one F32 x.
 *
 * <p>Two passes. The first turns the scales of the rows into floats, 16 for each block. The second
 * goes over groups of elements that share bytes; over those bytes, a vector at a time: widen to
 * ints, take the bits apart, to floats, multiply by x, multiply-add by the scale of the sub-block.
 * Scales were two thirds of the work when they were taken apart one by one where they are used.
 *
 * <p>The groups of all blocks are one loop: C2 hoists nothing out of a loop of four inside another.
 * Each group is a slice: one check of its bounds, none for the accesses. Everything calls the API
 * directly, see {@link MicroKernel}.
 */
final class DotBlocks256 {
  /** Floats that the first pass makes of a block. */
  private static final int SCALES = 16;

  private DotBlocks256() {}

  /** How many floats of scales the rows of a call have. */
  static int scales(DType type, int k) {
    int rows = type == BlockType.Q4_K ? 4 : type == BlockType.Q6_K ? 2 : 0;
    return rows * (k / 256) * SCALES;
  }

  static void q4k(
      MemorySegment w,
      long at,
      long far,
      MemorySegment x,
      long xAt,
      int blocks,
      float[] scales,
      float[] t) {
    int row = blocks * SCALES;
    for (int r = 0; r < 4; r++) {
      scales4k(w.asSlice(at + r * far, blocks * 144L), blocks, scales, r * row);
    }
    dot4k(
        w.asSlice(at, blocks * 144L),
        w.asSlice(at + far, blocks * 144L),
        w.asSlice(at + 2 * far, blocks * 144L),
        w.asSlice(at + 3 * far, blocks * 144L),
        x.asSlice(xAt, blocks * 1024L),
        blocks * 4,
        scales,
        row,
        t);
  }

  /** Of each block, for each of its four groups: d · scale twice, −dmin · minimum twice. */
  private static void scales4k(MemorySegment w, int blocks, float[] scales, int to) {
    for (int b = 0; b < blocks; b++) {
      MemorySegment s = w.asSlice(b * 144L, 16);
      float d = Half.FLOATS[s.get(I16, 0) & 0xffff];
      float m = -Half.FLOATS[s.get(I16, 2) & 0xffff];
      int u0 = s.get(I32, 4);
      int u1 = s.get(I32, 8);
      int u2 = s.get(I32, 12);
      int i = to + b * SCALES;
      // four 6-bit numbers in four bytes, as they are in the block
      pairs(u0 & 0x3f3f3f3f, d, scales, i);
      pairs(u1 & 0x3f3f3f3f, m, scales, i + 2);
      pairs((u2 & 0x0f0f0f0f) | (u0 >>> 2 & 0x30303030), d, scales, i + 8);
      pairs((u2 >>> 4 & 0x0f0f0f0f) | (u1 >>> 2 & 0x30303030), m, scales, i + 10);
    }
  }

  private static void pairs(int four, float f, float[] to, int i) {
    to[i] = f * (four & 0xff);
    to[i + 1] = f * (four >>> 8 & 0xff);
    to[i + 4] = f * (four >>> 16 & 0xff);
    to[i + 5] = f * (four >>> 24);
  }

  /** A group: 64 elements, the low nibbles of 32 bytes and their high ones. */
  private static void dot4k(
      MemorySegment w0,
      MemorySegment w1,
      MemorySegment w2,
      MemorySegment w3,
      MemorySegment x,
      int groups,
      float[] scales,
      int row,
      float[] t) {
    FloatVector zero = FloatVector.zero(F);
    FloatVector s0 = zero;
    FloatVector s1 = zero;
    FloatVector s2 = zero;
    FloatVector s3 = zero;
    for (int n = 0; n < groups; n++) {
      long q = (n >> 2) * 144L + 16 + (n & 3) * 32L;
      MemorySegment q0 = w0.asSlice(q, 32);
      MemorySegment q1 = w1.asSlice(q, 32);
      MemorySegment q2 = w2.asSlice(q, 32);
      MemorySegment q3 = w3.asSlice(q, 32);
      FloatVector a0 = zero;
      FloatVector a1 = zero;
      FloatVector a2 = zero;
      FloatVector a3 = zero;
      FloatVector c0 = zero;
      FloatVector c1 = zero;
      FloatVector c2 = zero;
      FloatVector c3 = zero;
      FloatVector x0 = zero;
      FloatVector x1 = zero;
      for (int j = 0; j < 32; j += BL) {
        ByteVector b0 = ByteVector.fromMemorySegment(B, q0, j, LE);
        ByteVector b1 = ByteVector.fromMemorySegment(B, q1, j, LE);
        ByteVector b2 = ByteVector.fromMemorySegment(B, q2, j, LE);
        ByteVector b3 = ByteVector.fromMemorySegment(B, q3, j, LE);
        for (int p = 0; p < B_PARTS; p++) {
          long e = n * 256L + 4L * (j + p * L);
          FloatVector lo = FloatVector.fromMemorySegment(F, x, e, LE);
          FloatVector hi = FloatVector.fromMemorySegment(F, x, e + 128, LE);
          x0 = x0.add(lo);
          x1 = x1.add(hi);
          IntVector i = (IntVector) b0.convertShape(ZERO_EXTEND_B2I, I, p);
          a0 = ((FloatVector) i.and(15).convertShape(I2F, F, 0)).fma(lo, a0);
          c0 = ((FloatVector) i.lanewise(LSHR, 4).convertShape(I2F, F, 0)).fma(hi, c0);
          i = (IntVector) b1.convertShape(ZERO_EXTEND_B2I, I, p);
          a1 = ((FloatVector) i.and(15).convertShape(I2F, F, 0)).fma(lo, a1);
          c1 = ((FloatVector) i.lanewise(LSHR, 4).convertShape(I2F, F, 0)).fma(hi, c1);
          i = (IntVector) b2.convertShape(ZERO_EXTEND_B2I, I, p);
          a2 = ((FloatVector) i.and(15).convertShape(I2F, F, 0)).fma(lo, a2);
          c2 = ((FloatVector) i.lanewise(LSHR, 4).convertShape(I2F, F, 0)).fma(hi, c2);
          i = (IntVector) b3.convertShape(ZERO_EXTEND_B2I, I, p);
          a3 = ((FloatVector) i.and(15).convertShape(I2F, F, 0)).fma(lo, a3);
          c3 = ((FloatVector) i.lanewise(LSHR, 4).convertShape(I2F, F, 0)).fma(hi, c3);
        }
      }
      int g = n * 4;
      s0 = a0.fma(FloatVector.broadcast(F, scales[g]), s0);
      s0 = c0.fma(FloatVector.broadcast(F, scales[g + 1]), s0);
      s0 = x0.fma(FloatVector.broadcast(F, scales[g + 2]), s0);
      s0 = x1.fma(FloatVector.broadcast(F, scales[g + 3]), s0);
      g += row;
      s1 = a1.fma(FloatVector.broadcast(F, scales[g]), s1);
      s1 = c1.fma(FloatVector.broadcast(F, scales[g + 1]), s1);
      s1 = x0.fma(FloatVector.broadcast(F, scales[g + 2]), s1);
      s1 = x1.fma(FloatVector.broadcast(F, scales[g + 3]), s1);
      g += row;
      s2 = a2.fma(FloatVector.broadcast(F, scales[g]), s2);
      s2 = c2.fma(FloatVector.broadcast(F, scales[g + 1]), s2);
      s2 = x0.fma(FloatVector.broadcast(F, scales[g + 2]), s2);
      s2 = x1.fma(FloatVector.broadcast(F, scales[g + 3]), s2);
      g += row;
      s3 = a3.fma(FloatVector.broadcast(F, scales[g]), s3);
      s3 = c3.fma(FloatVector.broadcast(F, scales[g + 1]), s3);
      s3 = x0.fma(FloatVector.broadcast(F, scales[g + 2]), s3);
      s3 = x1.fma(FloatVector.broadcast(F, scales[g + 3]), s3);
    }
    s0.intoArray(t, 0);
    s1.intoArray(t, L);
    s2.intoArray(t, 2 * L);
    s3.intoArray(t, 3 * L);
  }

  static void q6k(
      MemorySegment w,
      long at,
      long far,
      MemorySegment x,
      long xAt,
      int blocks,
      float[] scales,
      float[] t) {
    int row = blocks * SCALES;
    MemorySegment w0 = w.asSlice(at, blocks * 210L);
    MemorySegment w1 = w.asSlice(at + far, blocks * 210L);
    scales6k(w0, blocks, scales, 0);
    scales6k(w1, blocks, scales, row);
    dot6k(w0, w1, x.asSlice(xAt, blocks * 1024L), blocks * 4, scales, row, t);
  }

  /** Of each block d times each of its scales, in their order. */
  private static void scales6k(MemorySegment w, int blocks, float[] scales, int to) {
    for (int b = 0; b < blocks; b++) {
      MemorySegment s = w.asSlice(b * 210L + 192, 18);
      FloatVector d = FloatVector.broadcast(F, Half.FLOATS[s.get(I16, 16) & 0xffff]);
      for (int j = 0; j < SCALES; j += BL) {
        ByteVector v = ByteVector.fromMemorySegment(B, s, j, LE);
        for (int p = 0; p < B_PARTS; p++) {
          ((FloatVector) v.convertShape(B2I, I, p).convertShape(I2F, F, 0))
              .mul(d)
              .intoArray(scales, to + b * SCALES + j + p * L);
        }
      }
    }
  }

  /** A group: four runs of 16 elements, 32 apart, that share 16 bytes of high bits. */
  private static void dot6k(
      MemorySegment w0,
      MemorySegment w1,
      MemorySegment x,
      int groups,
      float[] scales,
      int row,
      float[] t) {
    FloatVector zero = FloatVector.zero(F);
    FloatVector s0 = zero;
    FloatVector s1 = zero;
    for (int n = 0; n < groups; n++) {
      int half = (n & 2) >> 1;
      int odd = n & 1;
      long q = (n >> 2) * 210L;
      long low = q + 64L * half + 16L * odd;
      long high = q + 128 + 16L * (n & 3);
      MemorySegment v = x.asSlice((n >> 2) * 1024L + 512L * half + 64L * odd, 448);
      MemorySegment low0 = w0.asSlice(low, 48);
      MemorySegment low1 = w1.asSlice(low, 48);
      MemorySegment high0 = w0.asSlice(high, 16);
      MemorySegment high1 = w1.asSlice(high, 16);
      int g = (n >> 2) * SCALES + 8 * half + odd;
      for (int j = 0; j < 16; j += BL) {
        ByteVector a = ByteVector.fromMemorySegment(B, low0, j, LE);
        ByteVector b = ByteVector.fromMemorySegment(B, low0, 32 + j, LE);
        ByteVector h = ByteVector.fromMemorySegment(B, high0, j, LE);
        ByteVector c = ByteVector.fromMemorySegment(B, low1, j, LE);
        ByteVector d = ByteVector.fromMemorySegment(B, low1, 32 + j, LE);
        ByteVector k = ByteVector.fromMemorySegment(B, high1, j, LE);
        for (int p = 0; p < B_PARTS; p++) {
          long o = 4L * (j + p * L);
          FloatVector x0 = FloatVector.fromMemorySegment(F, v, o, LE);
          FloatVector x1 = FloatVector.fromMemorySegment(F, v, o + 128, LE);
          FloatVector x2 = FloatVector.fromMemorySegment(F, v, o + 256, LE);
          FloatVector x3 = FloatVector.fromMemorySegment(F, v, o + 384, LE);
          IntVector u = (IntVector) a.convertShape(ZERO_EXTEND_B2I, I, p);
          IntVector y = (IntVector) b.convertShape(ZERO_EXTEND_B2I, I, p);
          IntVector z = (IntVector) h.convertShape(ZERO_EXTEND_B2I, I, p);
          IntVector i = z.lanewise(LSHL, 4).and(0x30).or(u.and(15)).sub(32);
          FloatVector m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x0);
          s0 = m.fma(FloatVector.broadcast(F, scales[g]), s0);
          i = z.lanewise(LSHL, 2).and(0x30).or(y.and(15)).sub(32);
          m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x1);
          s0 = m.fma(FloatVector.broadcast(F, scales[g + 2]), s0);
          i = z.and(0x30).or(u.lanewise(LSHR, 4)).sub(32);
          m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x2);
          s0 = m.fma(FloatVector.broadcast(F, scales[g + 4]), s0);
          i = z.lanewise(LSHR, 2).and(0x30).or(y.lanewise(LSHR, 4)).sub(32);
          m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x3);
          s0 = m.fma(FloatVector.broadcast(F, scales[g + 6]), s0);
          u = (IntVector) c.convertShape(ZERO_EXTEND_B2I, I, p);
          y = (IntVector) d.convertShape(ZERO_EXTEND_B2I, I, p);
          z = (IntVector) k.convertShape(ZERO_EXTEND_B2I, I, p);
          i = z.lanewise(LSHL, 4).and(0x30).or(u.and(15)).sub(32);
          m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x0);
          s1 = m.fma(FloatVector.broadcast(F, scales[row + g]), s1);
          i = z.lanewise(LSHL, 2).and(0x30).or(y.and(15)).sub(32);
          m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x1);
          s1 = m.fma(FloatVector.broadcast(F, scales[row + g + 2]), s1);
          i = z.and(0x30).or(u.lanewise(LSHR, 4)).sub(32);
          m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x2);
          s1 = m.fma(FloatVector.broadcast(F, scales[row + g + 4]), s1);
          i = z.lanewise(LSHR, 2).and(0x30).or(y.lanewise(LSHR, 4)).sub(32);
          m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x3);
          s1 = m.fma(FloatVector.broadcast(F, scales[row + g + 6]), s1);
        }
      }
    }
    s0.intoArray(t, 0);
    s1.intoArray(t, L);
  }
}

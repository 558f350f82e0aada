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
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;

/**
 * Dot products of rows of Q4_K or Q6_K with one F32 x. Four rows, {@code far} bytes apart, then the
 * four that follow them, {@code stride} bytes on.
 *
 * <p>Two passes. The first turns the scales of the rows into floats, 16 for each block, and
 * multiplies the minima by the sums of x that they belong to. The second goes over groups of 64
 * elements that share bytes; over those bytes, a vector at a time: widen to ints, take the bits
 * apart, to floats, multiply by x, multiply-add by the scale of the sub-block.
 *
 * <p>Bound by their instructions, not by memory: from the cache one core reaches 5.4 GB/s of
 * weights in Q4_K and 8.1 in Q6_K.
 *
 * <p>The groups of all blocks are one loop: C2 hoists nothing out of a loop of four inside another.
 * For the form of the loops see {@link DotFloats}; for the lack of helpers, {@link MicroKernel}.
 */
final class DotBlocks256 {
  /** Floats that the first pass makes of a block. */
  private static final int SCALES = 16;

  /** Floats of scales that a batch has at most, if it has more than four rows: 16 KiB. */
  private static final int MOST = 4096;

  private static final VarHandle INTS = MethodHandles.byteArrayViewVarHandle(int[].class, LE);

  /** Lanes that are minima, where a vector has both: four scales, four minima, and so on. */
  private static final VectorMask<Float> MINIMA = VectorMask.fromLong(F, 0xf0f0);

  private DotBlocks256() {}

  /** How often four rows go into a batch, at most {@code most}. */
  static int batch(DType type, int k, int most) {
    boolean here = type == BlockType.Q4_K || type == BlockType.Q6_K;
    return here ? Math.clamp(MOST / Math.max(1, 4 * (k / 256) * SCALES), 1, most) : most;
  }

  /** How many floats of scales the rows of a batch have. */
  static int scales(DType type, int k, int most) {
    boolean here = type == BlockType.Q4_K || type == BlockType.Q6_K;
    return here ? batch(type, k, most) * 4 * (k / 256) * SCALES : 0;
  }

  /**
   * Sums of 32 elements of x, each where the minimum that belongs to it is among the scales; zero
   * where a scale is.
   */
  static void sums4k(MemorySegment x, long xAt, int k, float[] sums) {
    for (int n = 0; n < k / 32; n++) {
      FloatVector s = FloatVector.zero(F);
      for (int i = 0; i < 32; i += L) {
        s = s.add(Simd.load(x, xAt + 128L * n + 4L * i));
      }
      sums[(n >> 2) * 8 + 4 + (n & 3)] = Simd.sum(s);
    }
  }

  /**
   * Of each block of Q4_K, in the order in which they are stored: d times four scales, −dmin times
   * four minima, and the same again.
   *
   * @param sums of x, from {@link #sums4k}
   * @param t receives the lanes of the minima's part of each row
   */
  static void scales4k(
      MemorySegment w,
      long at,
      long stride,
      long far,
      int rows,
      int k,
      float[] sums,
      byte[] bits,
      float[] scales,
      float[] t) {
    int i = 0;
    for (int r = 0; r < 4 * rows; r++) {
      long q = at + (r >> 2) * stride + (r & 3) * far;
      FloatVector s = FloatVector.zero(F);
      for (int b = 0; b != k / 16; b += SCALES) {
        FloatVector d = FloatVector.broadcast(F, Half.FLOATS[w.get(I16, q) & 0xffff]);
        FloatVector m = FloatVector.broadcast(F, -Half.FLOATS[w.get(I16, q + 2) & 0xffff]);
        int u0 = w.get(I32, q + 4);
        int u1 = w.get(I32, q + 8);
        int u2 = w.get(I32, q + 12);
        // each int is four 6-bit numbers in four bytes
        INTS.set(bits, 0, u0 & 0x3f3f3f3f);
        INTS.set(bits, 4, u1 & 0x3f3f3f3f);
        INTS.set(bits, 8, (u2 & 0x0f0f0f0f) | (u0 >>> 2 & 0x30303030));
        INTS.set(bits, 12, (u2 >>> 4 & 0x0f0f0f0f) | (u1 >>> 2 & 0x30303030));
        for (int j = 0; j < SCALES; j += BL) {
          ByteVector v = ByteVector.fromArray(B, bits, j);
          for (int p = 0; p < B_PARTS; p++) {
            int o = j + p * L;
            FloatVector f = L >= 8 ? d.blend(m, MINIMA) : (o & 4) == 0 ? d : m;
            f = ((FloatVector) v.convertShape(B2I, I, p).convertShape(I2F, F, 0)).mul(f);
            f.intoArray(scales, i + o);
            s = f.fma(FloatVector.fromArray(F, sums, b + o), s);
          }
        }
        i += SCALES;
        q += 144;
      }
      s.intoArray(t, r * L);
    }
  }

  /**
   * A group: 64 elements, the low nibbles of 32 bytes and their high ones.
   *
   * @param t lanes to add to
   */
  static void q4k(
      MemorySegment w,
      long at,
      long stride,
      long far,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      float[] scales,
      float[] t) {
    int row = k / 256 * SCALES;
    for (int r = 0; r < rows; r++) {
      long first = at + r * stride + 16;
      int scale = 4 * r * row;
      long e = 0;
      long end = 4L * k;
      FloatVector zero = FloatVector.zero(F);
      FloatVector s0 = FloatVector.fromArray(F, t, 4 * L * r);
      FloatVector s1 = FloatVector.fromArray(F, t, 4 * L * r + L);
      FloatVector s2 = FloatVector.fromArray(F, t, 4 * L * r + 2 * L);
      FloatVector s3 = FloatVector.fromArray(F, t, 4 * L * r + 3 * L);
      while (e != end) {
        int n = (int) (e >> 8);
        long q = first + (n >> 2) * 144L + (n & 3) * 32L;
        long q1 = q + far;
        long q2 = q1 + far;
        long q3 = q2 + far;
        FloatVector a0 = zero;
        FloatVector a1 = zero;
        FloatVector a2 = zero;
        FloatVector a3 = zero;
        FloatVector c0 = zero;
        FloatVector c1 = zero;
        FloatVector c2 = zero;
        FloatVector c3 = zero;
        for (int j = 0; j < 32; j += BL) {
          ByteVector b0 = ByteVector.fromMemorySegment(B, w, q + j, LE);
          ByteVector b1 = ByteVector.fromMemorySegment(B, w, q1 + j, LE);
          ByteVector b2 = ByteVector.fromMemorySegment(B, w, q2 + j, LE);
          ByteVector b3 = ByteVector.fromMemorySegment(B, w, q3 + j, LE);
          for (int p = 0; p < B_PARTS; p++) {
            long o = xAt + e + 4L * (j + p * L);
            FloatVector lo = FloatVector.fromMemorySegment(F, x, o, LE);
            FloatVector hi = FloatVector.fromMemorySegment(F, x, o + 128, LE);
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
        int g = scale + (n >> 1) * 8 + (n & 1) * 2;
        s0 = a0.fma(FloatVector.broadcast(F, scales[g]), s0);
        s0 = c0.fma(FloatVector.broadcast(F, scales[g + 1]), s0);
        g += row;
        s1 = a1.fma(FloatVector.broadcast(F, scales[g]), s1);
        s1 = c1.fma(FloatVector.broadcast(F, scales[g + 1]), s1);
        g += row;
        s2 = a2.fma(FloatVector.broadcast(F, scales[g]), s2);
        s2 = c2.fma(FloatVector.broadcast(F, scales[g + 1]), s2);
        g += row;
        s3 = a3.fma(FloatVector.broadcast(F, scales[g]), s3);
        s3 = c3.fma(FloatVector.broadcast(F, scales[g + 1]), s3);
        e += 256;
      }
      s0.intoArray(t, 4 * L * r);
      s1.intoArray(t, 4 * L * r + L);
      s2.intoArray(t, 4 * L * r + 2 * L);
      s3.intoArray(t, 4 * L * r + 3 * L);
    }
  }

  /** Of each block of Q6_K, d times each of its scales, in their order. */
  static void scales6k(
      MemorySegment w, long at, long stride, long far, int rows, int k, float[] scales) {
    int i = 0;
    for (int r = 0; r < 4 * rows; r++) {
      long q = at + (r >> 2) * stride + (r & 3) * far + 192;
      for (int b = 0; b < k / 256; b++) {
        FloatVector d = FloatVector.broadcast(F, Half.FLOATS[w.get(I16, q + 16) & 0xffff]);
        for (int j = 0; j < SCALES; j += BL) {
          ByteVector v = ByteVector.fromMemorySegment(B, w, q + j, LE);
          for (int p = 0; p < B_PARTS; p++) {
            ((FloatVector) v.convertShape(B2I, I, p).convertShape(I2F, F, 0))
                .mul(d)
                .intoArray(scales, i + j + p * L);
          }
        }
        i += SCALES;
        q += 210;
      }
    }
  }

  /** A group: four runs of 16 elements, 32 apart, that share 16 bytes of high bits. */
  static void q6k(
      MemorySegment w,
      long at,
      long stride,
      long far,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      float[] scales,
      float[] t) {
    int row = k / 256 * SCALES;
    for (int r = 0; r < rows; r++) {
      long first = at + r * stride;
      int scale = 4 * r * row;
      long e = 0;
      long end = 4L * k;
      FloatVector s0 = FloatVector.zero(F);
      FloatVector s1 = s0;
      FloatVector s2 = s0;
      FloatVector s3 = s0;
      while (e != end) {
        int n = (int) (e >> 8);
        int half = n >> 1 & 1;
        int odd = n & 1;
        long q = first + (n >> 2) * 210L;
        long low = q + 64L * half + 16L * odd;
        long high = q + 128 + 16L * (n & 3);
        int g = scale + (n >> 1) * 8 + odd;
        long o = xAt + (e & ~1023L) + 512L * half + 64L * odd;
        for (int j = 0; j < 16; j += BL) {
          ByteVector a0 = ByteVector.fromMemorySegment(B, w, low + j, LE);
          ByteVector b0 = ByteVector.fromMemorySegment(B, w, low + 32 + j, LE);
          ByteVector h0 = ByteVector.fromMemorySegment(B, w, high + j, LE);
          ByteVector a1 = ByteVector.fromMemorySegment(B, w, far + low + j, LE);
          ByteVector b1 = ByteVector.fromMemorySegment(B, w, far + low + 32 + j, LE);
          ByteVector h1 = ByteVector.fromMemorySegment(B, w, far + high + j, LE);
          ByteVector a2 = ByteVector.fromMemorySegment(B, w, 2 * far + low + j, LE);
          ByteVector b2 = ByteVector.fromMemorySegment(B, w, 2 * far + low + 32 + j, LE);
          ByteVector h2 = ByteVector.fromMemorySegment(B, w, 2 * far + high + j, LE);
          ByteVector a3 = ByteVector.fromMemorySegment(B, w, 3 * far + low + j, LE);
          ByteVector b3 = ByteVector.fromMemorySegment(B, w, 3 * far + low + 32 + j, LE);
          ByteVector h3 = ByteVector.fromMemorySegment(B, w, 3 * far + high + j, LE);
          for (int p = 0; p < B_PARTS; p++) {
            FloatVector x0 = FloatVector.fromMemorySegment(F, x, o, LE);
            FloatVector x1 = FloatVector.fromMemorySegment(F, x, o + 128, LE);
            FloatVector x2 = FloatVector.fromMemorySegment(F, x, o + 256, LE);
            FloatVector x3 = FloatVector.fromMemorySegment(F, x, o + 384, LE);
            o += 4L * L;
            IntVector u = (IntVector) a0.convertShape(ZERO_EXTEND_B2I, I, p);
            IntVector v = (IntVector) b0.convertShape(ZERO_EXTEND_B2I, I, p);
            IntVector z = (IntVector) h0.convertShape(ZERO_EXTEND_B2I, I, p);
            IntVector i = z.lanewise(LSHL, 4).and(0x30).or(u.and(15)).sub(32);
            FloatVector m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x0);
            s0 = m.fma(FloatVector.broadcast(F, scales[g]), s0);
            i = z.lanewise(LSHL, 2).and(0x30).or(v.and(15)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x1);
            s0 = m.fma(FloatVector.broadcast(F, scales[g + 2]), s0);
            i = z.and(0x30).or(u.lanewise(LSHR, 4)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x2);
            s0 = m.fma(FloatVector.broadcast(F, scales[g + 4]), s0);
            i = z.lanewise(LSHR, 2).and(0x30).or(v.lanewise(LSHR, 4)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x3);
            s0 = m.fma(FloatVector.broadcast(F, scales[g + 6]), s0);
            u = (IntVector) a1.convertShape(ZERO_EXTEND_B2I, I, p);
            v = (IntVector) b1.convertShape(ZERO_EXTEND_B2I, I, p);
            z = (IntVector) h1.convertShape(ZERO_EXTEND_B2I, I, p);
            i = z.lanewise(LSHL, 4).and(0x30).or(u.and(15)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x0);
            s1 = m.fma(FloatVector.broadcast(F, scales[g + row]), s1);
            i = z.lanewise(LSHL, 2).and(0x30).or(v.and(15)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x1);
            s1 = m.fma(FloatVector.broadcast(F, scales[g + row + 2]), s1);
            i = z.and(0x30).or(u.lanewise(LSHR, 4)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x2);
            s1 = m.fma(FloatVector.broadcast(F, scales[g + row + 4]), s1);
            i = z.lanewise(LSHR, 2).and(0x30).or(v.lanewise(LSHR, 4)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x3);
            s1 = m.fma(FloatVector.broadcast(F, scales[g + row + 6]), s1);
            u = (IntVector) a2.convertShape(ZERO_EXTEND_B2I, I, p);
            v = (IntVector) b2.convertShape(ZERO_EXTEND_B2I, I, p);
            z = (IntVector) h2.convertShape(ZERO_EXTEND_B2I, I, p);
            i = z.lanewise(LSHL, 4).and(0x30).or(u.and(15)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x0);
            s2 = m.fma(FloatVector.broadcast(F, scales[g + 2 * row]), s2);
            i = z.lanewise(LSHL, 2).and(0x30).or(v.and(15)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x1);
            s2 = m.fma(FloatVector.broadcast(F, scales[g + 2 * row + 2]), s2);
            i = z.and(0x30).or(u.lanewise(LSHR, 4)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x2);
            s2 = m.fma(FloatVector.broadcast(F, scales[g + 2 * row + 4]), s2);
            i = z.lanewise(LSHR, 2).and(0x30).or(v.lanewise(LSHR, 4)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x3);
            s2 = m.fma(FloatVector.broadcast(F, scales[g + 2 * row + 6]), s2);
            u = (IntVector) a3.convertShape(ZERO_EXTEND_B2I, I, p);
            v = (IntVector) b3.convertShape(ZERO_EXTEND_B2I, I, p);
            z = (IntVector) h3.convertShape(ZERO_EXTEND_B2I, I, p);
            i = z.lanewise(LSHL, 4).and(0x30).or(u.and(15)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x0);
            s3 = m.fma(FloatVector.broadcast(F, scales[g + 3 * row]), s3);
            i = z.lanewise(LSHL, 2).and(0x30).or(v.and(15)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x1);
            s3 = m.fma(FloatVector.broadcast(F, scales[g + 3 * row + 2]), s3);
            i = z.and(0x30).or(u.lanewise(LSHR, 4)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x2);
            s3 = m.fma(FloatVector.broadcast(F, scales[g + 3 * row + 4]), s3);
            i = z.lanewise(LSHR, 2).and(0x30).or(v.lanewise(LSHR, 4)).sub(32);
            m = ((FloatVector) i.convertShape(I2F, F, 0)).mul(x3);
            s3 = m.fma(FloatVector.broadcast(F, scales[g + 3 * row + 6]), s3);
          }
        }
        e += 256;
      }
      s0.intoArray(t, 4 * L * r);
      s1.intoArray(t, 4 * L * r + L);
      s2.intoArray(t, 4 * L * r + 2 * L);
      s3.intoArray(t, 4 * L * r + 3 * L);
    }
  }
}

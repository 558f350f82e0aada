package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Segments.I16;
import static dev.quern.kernels.cpu.Segments.I8;
import static dev.quern.kernels.cpu.Simd.B;
import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.I;
import static dev.quern.kernels.cpu.Simd.LE;
import static jdk.incubator.vector.VectorOperators.B2I;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * y[r] = Σₖ w[r, k] · x[k] for rows of Q4_K and Q6_K and F32 x.
 *
 * <p>Loop nest: over rows; over groups of 64 elements (a quarter of a block) that share bytes; over
 * those bytes, a vector at a time: widen to ints, take the bits apart, to floats, multiply by x,
 * multiply-add by the scale of the sub-block.
 *
 * <p>The groups of all blocks are one loop: C2 hoists nothing out of a loop of four inside another.
 * Everything is in the loop's own method and calls the API directly: C2 inlines no helper once a
 * method has 18,000 nodes, nor one that was compiled by itself and came out long, and then boxes
 * its vectors.
 */
final class DotBlocks256 {
  private DotBlocks256() {}

  static void q4k(
      MemorySegment w,
      long from,
      long stride,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      MemorySegment y,
      long yAt,
      MemorySegment t,
      long tAt) {
    for (int r = 0; r < rows; r++) {
      q4kRow(w, from + r * stride, x, xAt, k / 64, t, tAt);
      y.set(F32, yAt + 4L * r, Simd.sum(t, tAt));
    }
  }

  /** The lanes of a row's sum, stored at t. */
  private static void q4kRow(
      MemorySegment w, long at, MemorySegment x, long xAt, int groups, MemorySegment t, long tAt) {
    FloatVector zero = FloatVector.zero(Simd.F);
    FloatVector s = zero;
    for (int n = 0; n < groups; n++) {
      int g = n & 3;
      long q = at + (n >> 2) * 144L;
      long e = xAt + n * 256L;
      float d = Float.float16ToFloat(w.get(I16, q));
      float m = -Float.float16ToFloat(w.get(I16, q + 2));
      FloatVector t0 = zero;
      FloatVector t1 = zero;
      FloatVector x0 = zero;
      FloatVector x1 = zero;
      for (int j = 0; j < 32; j += Simd.BL) {
        ByteVector v = ByteVector.fromMemorySegment(B, w, q + 16 + 32L * g + j, LE);
        for (int p = 0; p < Simd.B_PARTS; p++) {
          IntVector i = (IntVector) v.convertShape(B2I, I, p);
          FloatVector lo = FloatVector.fromMemorySegment(F, x, e + 4L * (j + p * Simd.L), LE);
          FloatVector hi = FloatVector.fromMemorySegment(F, x, e + 128 + 4L * (j + p * Simd.L), LE);
          t0 = ((FloatVector) i.and(15).convertShape(I2F, F, 0)).fma(lo, t0);
          t1 = ((FloatVector) i.lanewise(LSHR, 4).and(15).convertShape(I2F, F, 0)).fma(hi, t1);
          x0 = x0.add(lo);
          x1 = x1.add(hi);
        }
      }
      s = t0.fma(FloatVector.broadcast(F, d * Unpack.scale4k(w, q + 4, 2 * g)), s);
      s = t1.fma(FloatVector.broadcast(F, d * Unpack.scale4k(w, q + 4, 2 * g + 1)), s);
      s = x0.fma(FloatVector.broadcast(F, m * Unpack.min4k(w, q + 4, 2 * g)), s);
      s = x1.fma(FloatVector.broadcast(F, m * Unpack.min4k(w, q + 4, 2 * g + 1)), s);
    }
    s.intoMemorySegment(t, tAt, LE);
  }

  static void q6k(
      MemorySegment w,
      long from,
      long stride,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      MemorySegment y,
      long yAt,
      MemorySegment t,
      long tAt) {
    for (int r = 0; r < rows; r++) {
      q6kRow(w, from + r * stride, x, xAt, k / 64, t, tAt);
      y.set(F32, yAt + 4L * r, Simd.sum(t, tAt));
    }
  }

  /** A group: four runs of 16 elements, 32 apart, that share 16 bytes of high bits. */
  private static void q6kRow(
      MemorySegment w, long at, MemorySegment x, long xAt, int groups, MemorySegment t, long tAt) {
    FloatVector zero = FloatVector.zero(Simd.F);
    FloatVector s = zero;
    for (int n = 0; n < groups; n++) {
      int half = (n & 2) >> 1;
      int odd = n & 1;
      long q = at + (n >> 2) * 210L;
      long low = q + 64L * half + 16L * odd;
      long high = q + 128 + 16L * (n & 3);
      long scales = q + 192 + 8L * half + odd;
      long e = xAt + (n >> 2) * 1024L + 512L * half + 64L * odd;
      float d = Float.float16ToFloat(w.get(I16, q + 208));
      FloatVector t0 = zero;
      FloatVector t1 = zero;
      FloatVector t2 = zero;
      FloatVector t3 = zero;
      for (int j = 0; j < 16; j += Simd.BL) {
        ByteVector a = ByteVector.fromMemorySegment(B, w, low + j, LE);
        ByteVector b = ByteVector.fromMemorySegment(B, w, low + 32 + j, LE);
        ByteVector h = ByteVector.fromMemorySegment(B, w, high + j, LE);
        for (int p = 0; p < Simd.B_PARTS; p++) {
          IntVector u = (IntVector) a.convertShape(B2I, I, p);
          IntVector v = (IntVector) b.convertShape(B2I, I, p);
          IntVector z = (IntVector) h.convertShape(B2I, I, p);
          long o = e + 4L * (j + p * Simd.L);
          IntVector i0 = u.and(15).or(z.and(0x03).lanewise(LSHL, 4)).sub(32);
          t0 =
              ((FloatVector) i0.convertShape(I2F, F, 0))
                  .fma(FloatVector.fromMemorySegment(F, x, o, LE), t0);
          IntVector i1 = v.and(15).or(z.and(0x0c).lanewise(LSHL, 2)).sub(32);
          t1 =
              ((FloatVector) i1.convertShape(I2F, F, 0))
                  .fma(FloatVector.fromMemorySegment(F, x, o + 128, LE), t1);
          IntVector i2 = u.lanewise(LSHR, 4).and(15).or(z.and(0x30)).sub(32);
          t2 =
              ((FloatVector) i2.convertShape(I2F, F, 0))
                  .fma(FloatVector.fromMemorySegment(F, x, o + 256, LE), t2);
          IntVector i3 = v.lanewise(LSHR, 4).and(15).or(z.lanewise(LSHR, 2).and(0x30)).sub(32);
          t3 =
              ((FloatVector) i3.convertShape(I2F, F, 0))
                  .fma(FloatVector.fromMemorySegment(F, x, o + 384, LE), t3);
        }
      }
      s = t0.fma(FloatVector.broadcast(F, d * w.get(I8, scales)), s);
      s = t1.fma(FloatVector.broadcast(F, d * w.get(I8, scales + 2)), s);
      s = t2.fma(FloatVector.broadcast(F, d * w.get(I8, scales + 4)), s);
      s = t3.fma(FloatVector.broadcast(F, d * w.get(I8, scales + 6)), s);
    }
    s.intoMemorySegment(t, tAt, LE);
  }
}

package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.I16;
import static dev.quern.kernels.cpu.Simd.B;
import static dev.quern.kernels.cpu.Simd.BL;
import static dev.quern.kernels.cpu.Simd.B_PARTS;
import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.I;
import static dev.quern.kernels.cpu.Simd.L;
import static dev.quern.kernels.cpu.Simd.LE;
import static dev.quern.kernels.cpu.Simd.VB;
import static jdk.incubator.vector.VectorOperators.B2I;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2I;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Dot products of rows of Q8_0 or Q4_0 with one F32 x: the lanes of Σ over blocks of d · Σⱼ q[j] ·
 * x[j]. Four rows, {@code far} bytes apart, then the four that follow them, {@code stride} bytes
 * on.
 *
 * <p>Loop: over the rows; over blocks of 32; over the bytes of a block, a vector at a time: widen
 * to floats, multiply-add to the block's sum; then add d times that to the row's sum. The inner
 * loops have constant bounds and are unrolled whole. Where a vector of bytes is several of floats
 * (64 and 128 bits) the rows go one after the other.
 *
 * <p>A core issues about as many instructions as it can here, a hundred for four blocks, and while
 * it waits for memory it looks 500 ahead: what counts is how few there are, and half of them check
 * bounds. So x is loaded once for the four rows, and Q4_0's numbers stay unsigned (from the cache,
 * one core, GB/s of weights: Q8_0 from 19 to 21, Q4_0 from 8.8 to 10.4). Counted loops, from which
 * C2 hoists the checks, have 75 instructions for four blocks, but their beginning at each row costs
 * more than it saves at 64 blocks a row (two cores, mapped file: 16.9 against 18.5 GB/s). Reading
 * ahead, eight streams, and 32 bytes in one load gained nothing.
 *
 * <p>Activations stay F32. Without an int8 dot product in the Vector API, bytes have to be widened
 * to shorts, multiplied, the products added in pairs and turned to floats: seven instructions on
 * the vector ports for a block of Q8_0 in 512 bits, as here (from memory they measure the same).
 * Scales come from a table ({@link Half}). For the form of the loops see {@link DotFloats}; for the
 * lack of helpers, {@link MicroKernel}.
 */
final class DotBlocks32 {
  private DotBlocks32() {}

  static void q80(
      MemorySegment w,
      long at,
      long stride,
      long far,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      float[] t) {
    if (B_PARTS > 1) {
      narrow80(w, at, stride, far, rows, x, xAt, k, t);
      return;
    }
    long f2 = 2 * far;
    long f3 = 3 * far;
    for (int r = 0; r < rows; r++) {
      long q = at + r * stride;
      long e = xAt;
      long end = xAt + 4L * k;
      FloatVector s0 = FloatVector.zero(F);
      FloatVector s1 = s0;
      FloatVector s2 = s0;
      FloatVector s3 = s0;
      while (e != end) {
        ByteVector b;
        FloatVector f;
        FloatVector t0 = s0;
        FloatVector t1 = s0;
        FloatVector t2 = s0;
        FloatVector t3 = s0;
        for (int j = 0; j < 32; j += 2 * L) {
          FloatVector v0 = FloatVector.fromMemorySegment(F, x, e + 4L * j, LE);
          FloatVector v1 = FloatVector.fromMemorySegment(F, x, e + 4L * j + VB, LE);
          b = ByteVector.fromMemorySegment(B, w, q + 2 + j, LE);
          f = (FloatVector) b.convertShape(B2I, I, 0).convertShape(I2F, F, 0);
          t0 = j == 0 ? f.mul(v0) : f.fma(v0, t0);
          b = ByteVector.fromMemorySegment(B, w, q + 2 + j + L, LE);
          t0 = ((FloatVector) b.convertShape(B2I, I, 0).convertShape(I2F, F, 0)).fma(v1, t0);
          b = ByteVector.fromMemorySegment(B, w, q + far + 2 + j, LE);
          f = (FloatVector) b.convertShape(B2I, I, 0).convertShape(I2F, F, 0);
          t1 = j == 0 ? f.mul(v0) : f.fma(v0, t1);
          b = ByteVector.fromMemorySegment(B, w, q + far + 2 + j + L, LE);
          t1 = ((FloatVector) b.convertShape(B2I, I, 0).convertShape(I2F, F, 0)).fma(v1, t1);
          b = ByteVector.fromMemorySegment(B, w, q + f2 + 2 + j, LE);
          f = (FloatVector) b.convertShape(B2I, I, 0).convertShape(I2F, F, 0);
          t2 = j == 0 ? f.mul(v0) : f.fma(v0, t2);
          b = ByteVector.fromMemorySegment(B, w, q + f2 + 2 + j + L, LE);
          t2 = ((FloatVector) b.convertShape(B2I, I, 0).convertShape(I2F, F, 0)).fma(v1, t2);
          b = ByteVector.fromMemorySegment(B, w, q + f3 + 2 + j, LE);
          f = (FloatVector) b.convertShape(B2I, I, 0).convertShape(I2F, F, 0);
          t3 = j == 0 ? f.mul(v0) : f.fma(v0, t3);
          b = ByteVector.fromMemorySegment(B, w, q + f3 + 2 + j + L, LE);
          t3 = ((FloatVector) b.convertShape(B2I, I, 0).convertShape(I2F, F, 0)).fma(v1, t3);
        }
        s0 = t0.fma(FloatVector.broadcast(F, Half.FLOATS[w.get(I16, q) & 0xffff]), s0);
        s1 = t1.fma(FloatVector.broadcast(F, Half.FLOATS[w.get(I16, q + far) & 0xffff]), s1);
        s2 = t2.fma(FloatVector.broadcast(F, Half.FLOATS[w.get(I16, q + f2) & 0xffff]), s2);
        s3 = t3.fma(FloatVector.broadcast(F, Half.FLOATS[w.get(I16, q + f3) & 0xffff]), s3);
        q += 34;
        e += 128;
      }
      s0.intoArray(t, 4 * L * r);
      s1.intoArray(t, 4 * L * r + L);
      s2.intoArray(t, 4 * L * r + 2 * L);
      s3.intoArray(t, 4 * L * r + 3 * L);
    }
  }

  /** Where a vector of bytes is several of floats, row after row. */
  private static void narrow80(
      MemorySegment w,
      long at,
      long stride,
      long far,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      float[] t) {
    for (int r = 0; r < 4 * rows; r++) {
      long q = at + (r >> 2) * stride + (r & 3) * far;
      long e = xAt;
      long end = xAt + 4L * k;
      FloatVector s = FloatVector.zero(F);
      while (e != end) {
        FloatVector u = FloatVector.zero(F);
        for (int j = 0; j < 32; j += BL) {
          ByteVector b = ByteVector.fromMemorySegment(B, w, q + 2 + j, LE);
          for (int p = 0; p < B_PARTS; p++) {
            FloatVector v = FloatVector.fromMemorySegment(F, x, e + 4L * (j + p * L), LE);
            u = ((FloatVector) b.convertShape(B2I, I, p).convertShape(I2F, F, 0)).fma(v, u);
          }
        }
        s = u.fma(FloatVector.broadcast(F, Half.FLOATS[w.get(I16, q) & 0xffff]), s);
        q += 34;
        e += 128;
      }
      s.intoArray(t, L * r);
    }
  }

  /** Of each block of x the lanes of −8 · Σ x, L floats a block: what Q4_0's numbers are less. */
  static void sums40(MemorySegment x, long xAt, int k, float[] sums) {
    for (int n = 0; n < k / 32; n++) {
      FloatVector s = FloatVector.zero(F);
      for (int i = 0; i < 32; i += L) {
        s = s.add(Simd.load(x, xAt + 128L * n + 4L * i));
      }
      s.mul(-8).intoArray(sums, n * L);
    }
  }

  /**
   * Numbers of Q4_0 are counted from 0, not from −8: two subtractions less for each vector.
   *
   * @param sums of x, from {@link #sums40}
   */
  static void q40(
      MemorySegment w,
      long at,
      long stride,
      long far,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      float[] sums,
      float[] t) {
    if (B_PARTS > 1) {
      narrow40(w, at, stride, far, rows, x, xAt, k, sums, t);
      return;
    }
    long f2 = 2 * far;
    long f3 = 3 * far;
    for (int r = 0; r < rows; r++) {
      long q = at + r * stride;
      long e = xAt;
      long end = xAt + 4L * k;
      int n = 0;
      FloatVector s0 = FloatVector.zero(F);
      FloatVector s1 = s0;
      FloatVector s2 = s0;
      FloatVector s3 = s0;
      while (e != end) {
        ByteVector b;
        IntVector i;
        FloatVector t0 = FloatVector.fromArray(F, sums, n);
        FloatVector t1 = t0;
        FloatVector t2 = t0;
        FloatVector t3 = t0;
        for (int j = 0; j < 16; j += L) {
          FloatVector lo = FloatVector.fromMemorySegment(F, x, e + 4L * j, LE);
          FloatVector hi = FloatVector.fromMemorySegment(F, x, e + 64 + 4L * j, LE);
          b = ByteVector.fromMemorySegment(B, w, q + 2 + j, LE);
          i = (IntVector) b.convertShape(ZERO_EXTEND_B2I, I, 0);
          t0 = ((FloatVector) i.and(15).convertShape(I2F, F, 0)).fma(lo, t0);
          t0 = ((FloatVector) i.lanewise(LSHR, 4).convertShape(I2F, F, 0)).fma(hi, t0);
          b = ByteVector.fromMemorySegment(B, w, q + far + 2 + j, LE);
          i = (IntVector) b.convertShape(ZERO_EXTEND_B2I, I, 0);
          t1 = ((FloatVector) i.and(15).convertShape(I2F, F, 0)).fma(lo, t1);
          t1 = ((FloatVector) i.lanewise(LSHR, 4).convertShape(I2F, F, 0)).fma(hi, t1);
          b = ByteVector.fromMemorySegment(B, w, q + f2 + 2 + j, LE);
          i = (IntVector) b.convertShape(ZERO_EXTEND_B2I, I, 0);
          t2 = ((FloatVector) i.and(15).convertShape(I2F, F, 0)).fma(lo, t2);
          t2 = ((FloatVector) i.lanewise(LSHR, 4).convertShape(I2F, F, 0)).fma(hi, t2);
          b = ByteVector.fromMemorySegment(B, w, q + f3 + 2 + j, LE);
          i = (IntVector) b.convertShape(ZERO_EXTEND_B2I, I, 0);
          t3 = ((FloatVector) i.and(15).convertShape(I2F, F, 0)).fma(lo, t3);
          t3 = ((FloatVector) i.lanewise(LSHR, 4).convertShape(I2F, F, 0)).fma(hi, t3);
        }
        s0 = t0.fma(FloatVector.broadcast(F, Half.FLOATS[w.get(I16, q) & 0xffff]), s0);
        s1 = t1.fma(FloatVector.broadcast(F, Half.FLOATS[w.get(I16, q + far) & 0xffff]), s1);
        s2 = t2.fma(FloatVector.broadcast(F, Half.FLOATS[w.get(I16, q + f2) & 0xffff]), s2);
        s3 = t3.fma(FloatVector.broadcast(F, Half.FLOATS[w.get(I16, q + f3) & 0xffff]), s3);
        n += L;
        q += 18;
        e += 128;
      }
      s0.intoArray(t, 4 * L * r);
      s1.intoArray(t, 4 * L * r + L);
      s2.intoArray(t, 4 * L * r + 2 * L);
      s3.intoArray(t, 4 * L * r + 3 * L);
    }
  }

  private static void narrow40(
      MemorySegment w,
      long at,
      long stride,
      long far,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      float[] sums,
      float[] t) {
    for (int r = 0; r < 4 * rows; r++) {
      long q = at + (r >> 2) * stride + (r & 3) * far;
      long e = xAt;
      long end = xAt + 4L * k;
      int n = 0;
      FloatVector s = FloatVector.zero(F);
      while (e != end) {
        FloatVector u = FloatVector.fromArray(F, sums, n);
        for (int j = 0; j < 16; j += BL) {
          ByteVector b = ByteVector.fromMemorySegment(B, w, q + 2 + j, LE);
          for (int p = 0; p < B_PARTS; p++) {
            long o = e + 4L * (j + p * L);
            FloatVector lo = FloatVector.fromMemorySegment(F, x, o, LE);
            FloatVector hi = FloatVector.fromMemorySegment(F, x, o + 64, LE);
            IntVector i = (IntVector) b.convertShape(ZERO_EXTEND_B2I, I, p);
            u = ((FloatVector) i.and(15).convertShape(I2F, F, 0)).fma(lo, u);
            u = ((FloatVector) i.lanewise(LSHR, 4).convertShape(I2F, F, 0)).fma(hi, u);
          }
        }
        s = u.fma(FloatVector.broadcast(F, Half.FLOATS[w.get(I16, q) & 0xffff]), s);
        n += L;
        q += 18;
        e += 128;
      }
      s.intoArray(t, L * r);
    }
  }
}

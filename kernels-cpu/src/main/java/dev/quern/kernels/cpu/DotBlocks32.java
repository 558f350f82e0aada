package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Simd.VB;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * y[r] = Σ over blocks of d · Σⱼ q[j] · x[j] for rows of Q8_0 and Q4_0 and F32 x.
 *
 * <p>Loop nest: over rows by 4 (Q4_0: 2); over blocks of 32; over the bytes of a block, a vector at
 * a time: widen to floats, multiply-add to the block's sum; then add d times that to the row's sum.
 *
 * <p>Activations stay F32. Without an int8 dot product in the Vector API, bytes have to be widened
 * to shorts, multiplied, and the products widened to ints and to floats: about ten instructions for
 * 32 weights in 512 bits, against eight for widening the weights alone (13 GB/s of weights a core,
 * more than the memory delivers).
 */
final class DotBlocks32 {
  private DotBlocks32() {}

  static void q80(
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
    int r = 0;
    for (; r <= rows - 4; r += 4) {
      q80x4(w, from + r * stride, stride, x, xAt, k / 32, t, tAt);
      finish(4, y, yAt + 4L * r, t, tAt);
    }
    for (; r < rows; r++) {
      q80x1(w, from + r * stride, x, xAt, k / 32, t, tAt);
      finish(1, y, yAt + 4L * r, t, tAt);
    }
  }

  private static void q80x4(
      MemorySegment w,
      long at,
      long stride,
      MemorySegment x,
      long xAt,
      int blocks,
      MemorySegment t,
      long tAt) {
    FloatVector zero = FloatVector.zero(Simd.F);
    FloatVector s0 = zero;
    FloatVector s1 = zero;
    FloatVector s2 = zero;
    FloatVector s3 = zero;
    for (int b = 0; b < blocks; b++) {
      long q = at + b * 34L;
      long e = xAt + b * 128L;
      FloatVector t0 = zero;
      FloatVector t1 = zero;
      FloatVector t2 = zero;
      FloatVector t3 = zero;
      for (int j = 0; j < 32; j += Simd.BL) {
        ByteVector b0 = Simd.bytes(w, q + 2 + j);
        ByteVector b1 = Simd.bytes(w, q + 2 + j + stride);
        ByteVector b2 = Simd.bytes(w, q + 2 + j + 2 * stride);
        ByteVector b3 = Simd.bytes(w, q + 2 + j + 3 * stride);
        for (int p = 0; p < Simd.B_PARTS; p++) {
          FloatVector v = Simd.load(x, e + 4L * (j + p * Simd.L));
          t0 = Simd.floats(Simd.ints(b0, p)).fma(v, t0);
          t1 = Simd.floats(Simd.ints(b1, p)).fma(v, t1);
          t2 = Simd.floats(Simd.ints(b2, p)).fma(v, t2);
          t3 = Simd.floats(Simd.ints(b3, p)).fma(v, t3);
        }
      }
      s0 = t0.fma(Simd.all(Unpack.scale(w, q)), s0);
      s1 = t1.fma(Simd.all(Unpack.scale(w, q + stride)), s1);
      s2 = t2.fma(Simd.all(Unpack.scale(w, q + 2 * stride)), s2);
      s3 = t3.fma(Simd.all(Unpack.scale(w, q + 3 * stride)), s3);
    }
    Simd.store(s0, t, tAt);
    Simd.store(s1, t, tAt + VB);
    Simd.store(s2, t, tAt + 2L * VB);
    Simd.store(s3, t, tAt + 3L * VB);
  }

  private static void q80x1(
      MemorySegment w, long at, MemorySegment x, long xAt, int blocks, MemorySegment t, long tAt) {
    FloatVector zero = FloatVector.zero(Simd.F);
    FloatVector s = zero;
    for (int b = 0; b < blocks; b++) {
      long q = at + b * 34L;
      FloatVector u = zero;
      for (int j = 0; j < 32; j += Simd.BL) {
        ByteVector v = Simd.bytes(w, q + 2 + j);
        for (int p = 0; p < Simd.B_PARTS; p++) {
          FloatVector e = Simd.load(x, xAt + b * 128L + 4L * (j + p * Simd.L));
          u = Simd.floats(Simd.ints(v, p)).fma(e, u);
        }
      }
      s = u.fma(Simd.all(Unpack.scale(w, q)), s);
    }
    Simd.store(s, t, tAt);
  }

  /** Two rows at a time: C2 stops inlining in a body of four. */
  static void q40(
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
    int r = 0;
    for (; r <= rows - 2; r += 2) {
      q40x2(w, from + r * stride, stride, x, xAt, k / 32, t, tAt);
      finish(2, y, yAt + 4L * r, t, tAt);
    }
    for (; r < rows; r++) {
      q40x1(w, from + r * stride, x, xAt, k / 32, t, tAt);
      finish(1, y, yAt + 4L * r, t, tAt);
    }
  }

  private static void q40x2(
      MemorySegment w,
      long at,
      long stride,
      MemorySegment x,
      long xAt,
      int blocks,
      MemorySegment t,
      long tAt) {
    FloatVector zero = FloatVector.zero(Simd.F);
    FloatVector s0 = zero;
    FloatVector s1 = zero;
    for (int b = 0; b < blocks; b++) {
      long q = at + b * 18L;
      long e = xAt + b * 128L;
      FloatVector t0 = zero;
      FloatVector t1 = zero;
      for (int j = 0; j < 16; j += Simd.BL) {
        ByteVector b0 = Simd.bytes(w, q + 2 + j);
        ByteVector b1 = Simd.bytes(w, q + 2 + j + stride);
        for (int p = 0; p < Simd.B_PARTS; p++) {
          FloatVector lo = Simd.load(x, e + 4L * (j + p * Simd.L));
          FloatVector hi = Simd.load(x, e + 64 + 4L * (j + p * Simd.L));
          t0 = nibbles(Simd.ints(b0, p), lo, hi, t0);
          t1 = nibbles(Simd.ints(b1, p), lo, hi, t1);
        }
      }
      s0 = t0.fma(Simd.all(Unpack.scale(w, q)), s0);
      s1 = t1.fma(Simd.all(Unpack.scale(w, q + stride)), s1);
    }
    Simd.store(s0, t, tAt);
    Simd.store(s1, t, tAt + VB);
  }

  private static void q40x1(
      MemorySegment w, long at, MemorySegment x, long xAt, int blocks, MemorySegment t, long tAt) {
    FloatVector zero = FloatVector.zero(Simd.F);
    FloatVector s = zero;
    for (int b = 0; b < blocks; b++) {
      long q = at + b * 18L;
      long e = xAt + b * 128L;
      FloatVector u = zero;
      for (int j = 0; j < 16; j += Simd.BL) {
        ByteVector v = Simd.bytes(w, q + 2 + j);
        for (int p = 0; p < Simd.B_PARTS; p++) {
          FloatVector lo = Simd.load(x, e + 4L * (j + p * Simd.L));
          FloatVector hi = Simd.load(x, e + 64 + 4L * (j + p * Simd.L));
          u = nibbles(Simd.ints(v, p), lo, hi, u);
        }
      }
      s = u.fma(Simd.all(Unpack.scale(w, q)), s);
    }
    Simd.store(s, t, tAt);
  }

  /** t + (low nibbles − 8) · lo + (high nibbles − 8) · hi. */
  private static FloatVector nibbles(IntVector q, FloatVector lo, FloatVector hi, FloatVector t) {
    FloatVector s = Simd.floats(Unpack.low(q).sub(8)).fma(lo, t);
    return Simd.floats(Unpack.high(q).sub(8)).fma(hi, s);
  }

  private static void finish(int rows, MemorySegment y, long yAt, MemorySegment t, long tAt) {
    for (int r = 0; r < rows; r++) {
      y.set(F32, yAt + 4L * r, Simd.sum(t, tAt + (long) r * VB));
    }
  }
}

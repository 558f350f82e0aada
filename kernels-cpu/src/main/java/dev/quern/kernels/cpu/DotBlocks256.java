package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Segments.I8;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * y[r] = Σₖ w[r, k] · x[k] for rows of Q4_K and Q6_K and F32 x.
 *
 * <p>Loop nest: over rows; over blocks of 256; over groups of 64 (Q4_K) or 128 (Q6_K) that share
 * bytes; over those bytes, a vector at a time: widen to ints, take the bits apart, to floats,
 * multiply by x, multiply-add by the scale of the sub-block.
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
      long yAt) {
    for (int r = 0; r < rows; r++) {
      q4kRow(w, from + r * stride, x, xAt, k / 256, y, yAt + 4L * r);
    }
  }

  private static void q4kRow(
      MemorySegment w, long at, MemorySegment x, long xAt, int blocks, MemorySegment y, long yAt) {
    FloatVector zero = FloatVector.zero(Simd.F);
    FloatVector s = zero;
    for (int b = 0; b < blocks; b++) {
      long q = at + b * 144L;
      float d = Unpack.scale(w, q);
      float m = -Unpack.scale(w, q + 2);
      for (int g = 0; g < 4; g++) {
        long e = xAt + b * 1024L + g * 256L;
        FloatVector t0 = zero;
        FloatVector t1 = zero;
        FloatVector x0 = zero;
        FloatVector x1 = zero;
        for (int j = 0; j < 32; j += Simd.BL) {
          ByteVector v = Simd.bytes(w, q + 16 + 32L * g + j);
          for (int p = 0; p < Simd.B_PARTS; p++) {
            IntVector i = Simd.ints(v, p);
            FloatVector lo = Simd.load(x, e + 4L * (j + p * Simd.L));
            FloatVector hi = Simd.load(x, e + 128 + 4L * (j + p * Simd.L));
            t0 = Simd.floats(Unpack.low(i)).fma(lo, t0);
            t1 = Simd.floats(Unpack.high(i)).fma(hi, t1);
            x0 = x0.add(lo);
            x1 = x1.add(hi);
          }
        }
        s = t0.fma(Simd.all(d * Unpack.scale4k(w, q + 4, 2 * g)), s);
        s = t1.fma(Simd.all(d * Unpack.scale4k(w, q + 4, 2 * g + 1)), s);
        s = x0.fma(Simd.all(m * Unpack.min4k(w, q + 4, 2 * g)), s);
        s = x1.fma(Simd.all(m * Unpack.min4k(w, q + 4, 2 * g + 1)), s);
      }
    }
    y.set(F32, yAt, Simd.sum(s));
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
      long yAt) {
    for (int r = 0; r < rows; r++) {
      q6kRow(w, from + r * stride, x, xAt, k / 256, y, yAt + 4L * r);
    }
  }

  private static void q6kRow(
      MemorySegment w, long at, MemorySegment x, long xAt, int blocks, MemorySegment y, long yAt) {
    FloatVector s = FloatVector.zero(Simd.F);
    for (int b = 0; b < blocks; b++) {
      long q = at + b * 210L;
      float d = Unpack.scale(w, q + 208);
      for (int g = 0; g < 4; g++) {
        // g: 16 bytes of one half; the scales of its four runs are 2 apart
        long bytes = q + 64L * (g >> 1) + 16L * (g & 1);
        long high = q + 128 + 16L * g;
        long scales = q + 192 + 8L * (g >> 1) + (g & 1);
        long e = xAt + b * 1024L + 512L * (g >> 1) + 64L * (g & 1);
        s = q6kEven(w, bytes, high, scales, d, x, e, s);
        s = q6kOdd(w, bytes + 32, high, scales + 2, d, x, e + 128, s);
      }
    }
    y.set(F32, yAt, Simd.sum(s));
  }

  /** Runs 0 and 2 of four runs of 16 elements, 32 apart, each with its scale. */
  private static FloatVector q6kEven(
      MemorySegment w,
      long bytes,
      long high,
      long scales,
      float d,
      MemorySegment x,
      long e,
      FloatVector sum) {
    FloatVector t0 = FloatVector.zero(Simd.F);
    FloatVector t2 = t0;
    for (int j = 0; j < 16; j += Simd.BL) {
      ByteVector a = Simd.bytes(w, bytes + j);
      ByteVector h = Simd.bytes(w, high + j);
      for (int p = 0; p < Simd.B_PARTS; p++) {
        IntVector u = Simd.ints(a, p);
        IntVector z = Simd.ints(h, p);
        long i = e + 4L * (j + p * Simd.L);
        t0 = Simd.floats(Unpack.six0(u, z)).fma(Simd.load(x, i), t0);
        t2 = Simd.floats(Unpack.six2(u, z)).fma(Simd.load(x, i + 256), t2);
      }
    }
    FloatVector s = t0.fma(Simd.all(d * w.get(I8, scales)), sum);
    return t2.fma(Simd.all(d * w.get(I8, scales + 4)), s);
  }

  /** Runs 1 and 3. */
  private static FloatVector q6kOdd(
      MemorySegment w,
      long bytes,
      long high,
      long scales,
      float d,
      MemorySegment x,
      long e,
      FloatVector sum) {
    FloatVector t1 = FloatVector.zero(Simd.F);
    FloatVector t3 = t1;
    for (int j = 0; j < 16; j += Simd.BL) {
      ByteVector b = Simd.bytes(w, bytes + j);
      ByteVector h = Simd.bytes(w, high + j);
      for (int p = 0; p < Simd.B_PARTS; p++) {
        IntVector v = Simd.ints(b, p);
        IntVector z = Simd.ints(h, p);
        long i = e + 4L * (j + p * Simd.L);
        t1 = Simd.floats(Unpack.six1(v, z)).fma(Simd.load(x, i), t1);
        t3 = Simd.floats(Unpack.six3(v, z)).fma(Simd.load(x, i + 256), t3);
      }
    }
    FloatVector s = t1.fma(Simd.all(d * w.get(I8, scales)), sum);
    return t3.fma(Simd.all(d * w.get(I8, scales + 4)), s);
  }
}

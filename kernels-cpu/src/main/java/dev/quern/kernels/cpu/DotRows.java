package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;

/**
 * y[r] = Σₖ w[r, k] · x[k] for rows of unblocked floats: the weights as a stream from memory, x in
 * the first-level cache.
 *
 * <p>Loop nest: over rows by 4; over k by one vector: widen a vector of each row, multiply-add.
 * Four rows share a load of x and have sums enough to hide the latency of the multiply-add.
 */
final class DotRows {
  private DotRows() {}

  /**
   * Some rows of any type that {@link Unpack} knows.
   *
   * @param t type of w
   * @param w rows without gaps in themselves
   * @param from where the first row starts
   * @param stride bytes from row to row
   * @param rows how many
   * @param x F32
   * @param k elements of a row; a multiple of the block length
   * @param y F32 results
   */
  static void run(
      DType t,
      MemorySegment w,
      long from,
      long stride,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      MemorySegment y,
      long yAt) {
    switch (t) {
      case ScalarType.F32 -> f32(w, from, stride, rows, x, xAt, k, y, yAt);
      case ScalarType.F16 -> f16(w, from, stride, rows, x, xAt, k, y, yAt);
      case ScalarType.BF16 -> bf16(w, from, stride, rows, x, xAt, k, y, yAt);
      case BlockType.Q8_0 -> DotBlocks32.q80(w, from, stride, rows, x, xAt, k, y, yAt);
      case BlockType.Q4_0 -> DotBlocks32.q40(w, from, stride, rows, x, xAt, k, y, yAt);
      case BlockType.Q4_K -> DotBlocks256.q4k(w, from, stride, rows, x, xAt, k, y, yAt);
      case BlockType.Q6_K -> DotBlocks256.q6k(w, from, stride, rows, x, xAt, k, y, yAt);
      default -> throw new IllegalStateException("no dot product for " + t.name());
    }
  }

  private static void f32(
      MemorySegment w,
      long from,
      long stride,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      MemorySegment y,
      long yAt) {
    int r = 0;
    for (; r <= rows - 4; r += 4) {
      f32x4(w, from + r * stride, stride, x, xAt, k, y, yAt + 4L * r);
    }
    for (; r < rows; r++) {
      f32x1(w, from + r * stride, x, xAt, k, y, yAt + 4L * r);
    }
  }

  private static void f32x4(
      MemorySegment w,
      long at,
      long stride,
      MemorySegment x,
      long xAt,
      int k,
      MemorySegment y,
      long yAt) {
    FloatVector s0 = FloatVector.zero(Simd.F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int whole = k - k % Simd.L;
    for (int i = 0; i < whole; i += Simd.L) {
      FloatVector v = Simd.load(x, xAt + 4L * i);
      long q = at + 4L * i;
      s0 = Simd.load(w, q).fma(v, s0);
      s1 = Simd.load(w, q + stride).fma(v, s1);
      s2 = Simd.load(w, q + 2 * stride).fma(v, s2);
      s3 = Simd.load(w, q + 3 * stride).fma(v, s3);
    }
    finish(ScalarType.F32, w, at, x, xAt, whole, k, s0, y, yAt);
    finish(ScalarType.F32, w, at + stride, x, xAt, whole, k, s1, y, yAt + 4);
    finish(ScalarType.F32, w, at + 2 * stride, x, xAt, whole, k, s2, y, yAt + 8);
    finish(ScalarType.F32, w, at + 3 * stride, x, xAt, whole, k, s3, y, yAt + 12);
  }

  private static void f32x1(
      MemorySegment w, long at, MemorySegment x, long xAt, int k, MemorySegment y, long yAt) {
    FloatVector s = FloatVector.zero(Simd.F);
    int whole = k - k % Simd.L;
    for (int i = 0; i < whole; i += Simd.L) {
      s = Simd.load(w, at + 4L * i).fma(Simd.load(x, xAt + 4L * i), s);
    }
    finish(ScalarType.F32, w, at, x, xAt, whole, k, s, y, yAt);
  }

  private static void bf16(
      MemorySegment w,
      long from,
      long stride,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      MemorySegment y,
      long yAt) {
    int r = 0;
    for (; r <= rows - 4; r += 4) {
      bf16x4(w, from + r * stride, stride, x, xAt, k, y, yAt + 4L * r);
    }
    for (; r < rows; r++) {
      bf16x1(w, from + r * stride, x, xAt, k, y, yAt + 4L * r);
    }
  }

  private static void bf16x4(
      MemorySegment w,
      long at,
      long stride,
      MemorySegment x,
      long xAt,
      int k,
      MemorySegment y,
      long yAt) {
    FloatVector s0 = FloatVector.zero(Simd.F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int whole = k - k % Simd.HL;
    for (int i = 0; i < whole; i += Simd.HL) {
      long q = at + 2L * i;
      ShortVector h0 = Simd.shorts(w, q);
      ShortVector h1 = Simd.shorts(w, q + stride);
      ShortVector h2 = Simd.shorts(w, q + 2 * stride);
      ShortVector h3 = Simd.shorts(w, q + 3 * stride);
      for (int p = 0; p < Simd.H_PARTS; p++) {
        FloatVector v = Simd.load(x, xAt + 4L * (i + p * Simd.L));
        s0 = Convert.bf16(h0, p).fma(v, s0);
        s1 = Convert.bf16(h1, p).fma(v, s1);
        s2 = Convert.bf16(h2, p).fma(v, s2);
        s3 = Convert.bf16(h3, p).fma(v, s3);
      }
    }
    finish(ScalarType.BF16, w, at, x, xAt, whole, k, s0, y, yAt);
    finish(ScalarType.BF16, w, at + stride, x, xAt, whole, k, s1, y, yAt + 4);
    finish(ScalarType.BF16, w, at + 2 * stride, x, xAt, whole, k, s2, y, yAt + 8);
    finish(ScalarType.BF16, w, at + 3 * stride, x, xAt, whole, k, s3, y, yAt + 12);
  }

  private static void bf16x1(
      MemorySegment w, long at, MemorySegment x, long xAt, int k, MemorySegment y, long yAt) {
    FloatVector s = FloatVector.zero(Simd.F);
    int whole = k - k % Simd.HL;
    for (int i = 0; i < whole; i += Simd.HL) {
      ShortVector h = Simd.shorts(w, at + 2L * i);
      for (int p = 0; p < Simd.H_PARTS; p++) {
        s = Convert.bf16(h, p).fma(Simd.load(x, xAt + 4L * (i + p * Simd.L)), s);
      }
    }
    finish(ScalarType.BF16, w, at, x, xAt, whole, k, s, y, yAt);
  }

  /** Two rows at a time: widening F16 takes registers. */
  private static void f16(
      MemorySegment w,
      long from,
      long stride,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      MemorySegment y,
      long yAt) {
    int r = 0;
    for (; r <= rows - 2; r += 2) {
      f16x2(w, from + r * stride, stride, x, xAt, k, y, yAt + 4L * r);
    }
    for (; r < rows; r++) {
      f16x1(w, from + r * stride, x, xAt, k, y, yAt + 4L * r);
    }
  }

  private static void f16x2(
      MemorySegment w,
      long at,
      long stride,
      MemorySegment x,
      long xAt,
      int k,
      MemorySegment y,
      long yAt) {
    FloatVector s0 = FloatVector.zero(Simd.F);
    FloatVector s1 = s0;
    int whole = k - k % Simd.HL;
    for (int i = 0; i < whole; i += Simd.HL) {
      ShortVector h0 = Simd.shorts(w, at + 2L * i);
      ShortVector h1 = Simd.shorts(w, at + stride + 2L * i);
      for (int p = 0; p < Simd.H_PARTS; p++) {
        FloatVector v = Simd.load(x, xAt + 4L * (i + p * Simd.L));
        s0 = Convert.f16(h0, p).fma(v, s0);
        s1 = Convert.f16(h1, p).fma(v, s1);
      }
    }
    finish(ScalarType.F16, w, at, x, xAt, whole, k, s0, y, yAt);
    finish(ScalarType.F16, w, at + stride, x, xAt, whole, k, s1, y, yAt + 4);
  }

  private static void f16x1(
      MemorySegment w, long at, MemorySegment x, long xAt, int k, MemorySegment y, long yAt) {
    FloatVector s = FloatVector.zero(Simd.F);
    int whole = k - k % Simd.HL;
    for (int i = 0; i < whole; i += Simd.HL) {
      ShortVector h = Simd.shorts(w, at + 2L * i);
      for (int p = 0; p < Simd.H_PARTS; p++) {
        s = Convert.f16(h, p).fma(Simd.load(x, xAt + 4L * (i + p * Simd.L)), s);
      }
    }
    finish(ScalarType.F16, w, at, x, xAt, whole, k, s, y, yAt);
  }

  /** Adds up the lanes and what is left of the row. */
  private static void finish(
      DType t,
      MemorySegment w,
      long at,
      MemorySegment x,
      long xAt,
      int from,
      int k,
      FloatVector s,
      MemorySegment y,
      long yAt) {
    float sum = Simd.sum(s);
    for (int i = from; i < k; i++) {
      long q = at + (long) i * t.blockBytes();
      sum = Math.fma(Convert.scalar(t, w, q), x.get(F32, xAt + 4L * i), sum);
    }
    y.set(F32, yAt, sum);
  }
}

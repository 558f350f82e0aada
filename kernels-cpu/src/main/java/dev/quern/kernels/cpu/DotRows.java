package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Simd.VB;

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
  /** Bytes of working memory: four vectors. */
  static final long ROOM = 256;

  private DotRows() {}

  /**
   * Some rows of any type that {@link Unpack} knows.
   *
   * @param type type of w
   * @param w rows without gaps in themselves
   * @param from where the first row starts
   * @param stride bytes from row to row
   * @param rows how many
   * @param x F32
   * @param k elements of a row; a multiple of the block length
   * @param y F32 results
   * @param t room for {@link #ROOM} bytes
   */
  static void run(
      DType type,
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
    // not a switch: over constants of two enums it allocates
    if (type == ScalarType.F32) {
      f32(w, from, stride, rows, x, xAt, k, y, yAt, t, tAt);
    } else if (type == ScalarType.F16) {
      f16(w, from, stride, rows, x, xAt, k, y, yAt, t, tAt);
    } else if (type == ScalarType.BF16) {
      bf16(w, from, stride, rows, x, xAt, k, y, yAt, t, tAt);
    } else if (type == BlockType.Q8_0) {
      DotBlocks32.q80(w, from, stride, rows, x, xAt, k, y, yAt, t, tAt);
    } else if (type == BlockType.Q4_0) {
      DotBlocks32.q40(w, from, stride, rows, x, xAt, k, y, yAt, t, tAt);
    } else if (type == BlockType.Q4_K) {
      DotBlocks256.q4k(w, from, stride, rows, x, xAt, k, y, yAt, t, tAt);
    } else if (type == BlockType.Q6_K) {
      DotBlocks256.q6k(w, from, stride, rows, x, xAt, k, y, yAt, t, tAt);
    } else {
      throw new IllegalStateException("no dot product for " + type.name());
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
      long yAt,
      MemorySegment t,
      long tAt) {
    int r = 0;
    for (; r <= rows - 4; r += 4) {
      f32x4(w, from + r * stride, stride, x, xAt, k, t, tAt);
      finish(ScalarType.F32, w, from + r * stride, stride, 4, x, xAt, k, y, yAt + 4L * r, t, tAt);
    }
    for (; r < rows; r++) {
      f32x1(w, from + r * stride, x, xAt, k, t, tAt);
      finish(ScalarType.F32, w, from + r * stride, stride, 1, x, xAt, k, y, yAt + 4L * r, t, tAt);
    }
  }

  private static void f32x4(
      MemorySegment w,
      long at,
      long stride,
      MemorySegment x,
      long xAt,
      int k,
      MemorySegment t,
      long tAt) {
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
    Simd.store(s0, t, tAt);
    Simd.store(s1, t, tAt + VB);
    Simd.store(s2, t, tAt + 2L * VB);
    Simd.store(s3, t, tAt + 3L * VB);
  }

  private static void f32x1(
      MemorySegment w, long at, MemorySegment x, long xAt, int k, MemorySegment t, long tAt) {
    FloatVector s = FloatVector.zero(Simd.F);
    int whole = k - k % Simd.L;
    for (int i = 0; i < whole; i += Simd.L) {
      s = Simd.load(w, at + 4L * i).fma(Simd.load(x, xAt + 4L * i), s);
    }
    Simd.store(s, t, tAt);
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
      long yAt,
      MemorySegment t,
      long tAt) {
    int r = 0;
    for (; r <= rows - 4; r += 4) {
      bf16x4(w, from + r * stride, stride, x, xAt, k, t, tAt);
      finish(ScalarType.BF16, w, from + r * stride, stride, 4, x, xAt, k, y, yAt + 4L * r, t, tAt);
    }
    for (; r < rows; r++) {
      bf16x1(w, from + r * stride, x, xAt, k, t, tAt);
      finish(ScalarType.BF16, w, from + r * stride, stride, 1, x, xAt, k, y, yAt + 4L * r, t, tAt);
    }
  }

  private static void bf16x4(
      MemorySegment w,
      long at,
      long stride,
      MemorySegment x,
      long xAt,
      int k,
      MemorySegment t,
      long tAt) {
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
    Simd.store(s0, t, tAt);
    Simd.store(s1, t, tAt + VB);
    Simd.store(s2, t, tAt + 2L * VB);
    Simd.store(s3, t, tAt + 3L * VB);
  }

  private static void bf16x1(
      MemorySegment w, long at, MemorySegment x, long xAt, int k, MemorySegment t, long tAt) {
    FloatVector s = FloatVector.zero(Simd.F);
    int whole = k - k % Simd.HL;
    for (int i = 0; i < whole; i += Simd.HL) {
      ShortVector h = Simd.shorts(w, at + 2L * i);
      for (int p = 0; p < Simd.H_PARTS; p++) {
        s = Convert.bf16(h, p).fma(Simd.load(x, xAt + 4L * (i + p * Simd.L)), s);
      }
    }
    Simd.store(s, t, tAt);
  }

  /** One row at a time: C2 stops inlining in a body that widens two. */
  private static void f16(
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
      f16x1(w, from + r * stride, x, xAt, k, t, tAt);
      finish(ScalarType.F16, w, from + r * stride, stride, 1, x, xAt, k, y, yAt + 4L * r, t, tAt);
    }
  }

  private static void f16x1(
      MemorySegment w, long at, MemorySegment x, long xAt, int k, MemorySegment t, long tAt) {
    FloatVector s = FloatVector.zero(Simd.F);
    int whole = k - k % Simd.HL;
    for (int i = 0; i < whole; i += Simd.HL) {
      ShortVector h = Simd.shorts(w, at + 2L * i);
      for (int p = 0; p < Simd.H_PARTS; p++) {
        s = Convert.f16(h, p).fma(Simd.load(x, xAt + 4L * (i + p * Simd.L)), s);
      }
    }
    Simd.store(s, t, tAt);
  }

  /** Adds up the lanes of some rows, and what is left of each. */
  private static void finish(
      DType type,
      MemorySegment w,
      long at,
      long stride,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      MemorySegment y,
      long yAt,
      MemorySegment t,
      long tAt) {
    int whole = k - k % (type == ScalarType.F32 ? Simd.L : Simd.HL);
    for (int r = 0; r < rows; r++) {
      float sum = Simd.sum(t, tAt + (long) r * VB);
      for (int i = whole; i < k; i++) {
        float v = Convert.scalar(type, w, at + r * stride + (long) i * type.blockBytes());
        sum = Math.fma(v, x.get(F32, xAt + 4L * i), sum);
      }
      y.set(F32, yAt + 4L * r, sum);
    }
  }
}

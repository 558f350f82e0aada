package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The loops of attention over one tile of keys: scores and values for few queries, and the
 * streaming softmax of one row of scores.
 *
 * <p>Few queries (a decode step): for each key, its dot products with up to four queries, so that a
 * group of heads reads the key once; for each vector of the result, the keys' values with the four
 * rows' sums in registers.
 */
final class AttentionTile {
  private AttentionTile() {}

  /**
   * s[r, j] = Σ q[r, c] · k[j, c] for some queries.
   *
   * @param rows how many; q's rows are qStride bytes apart and s's rows MicroKernel.ROW_BYTES
   */
  static void scores(
      MemorySegment p,
      long q,
      long qStride,
      int rows,
      MemorySegment k,
      long kAt,
      long kStride,
      int keys,
      int d,
      long s) {
    int r = 0;
    for (; r <= rows - 4; r += 4) {
      long at = s + r * MicroKernel.ROW_BYTES;
      scores4(p, q + r * qStride, qStride, k, kAt, kStride, keys, d, at);
    }
    for (; r < rows; r++) {
      long at = s + r * MicroKernel.ROW_BYTES;
      scores1(p, q + r * qStride, k, kAt, kStride, keys, d, at);
    }
  }

  private static void scores4(
      MemorySegment p,
      long q,
      long qStride,
      MemorySegment k,
      long kAt,
      long kStride,
      int keys,
      int d,
      long s) {
    int whole = d - d % Simd.L;
    for (int j = 0; j < keys; j++) {
      long key = kAt + j * kStride;
      FloatVector a = FloatVector.zero(Simd.F);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector e = a;
      for (int i = 0; i < whole; i += Simd.L) {
        FloatVector v = Simd.load(k, key + 4L * i);
        long x = q + 4L * i;
        a = Simd.load(p, x).fma(v, a);
        b = Simd.load(p, x + qStride).fma(v, b);
        c = Simd.load(p, x + 2 * qStride).fma(v, c);
        e = Simd.load(p, x + 3 * qStride).fma(v, e);
      }
      long to = s + 4L * j;
      p.set(F32, to, Simd.sum(a));
      p.set(F32, to + MicroKernel.ROW_BYTES, Simd.sum(b));
      p.set(F32, to + 2 * MicroKernel.ROW_BYTES, Simd.sum(c));
      p.set(F32, to + 3 * MicroKernel.ROW_BYTES, Simd.sum(e));
    }
    if (whole < d) {
      for (int r = 0; r < 4; r++) {
        tail(p, q + r * qStride, k, kAt, kStride, keys, whole, d, s + r * MicroKernel.ROW_BYTES);
      }
    }
  }

  private static void scores1(
      MemorySegment p, long q, MemorySegment k, long kAt, long kStride, int keys, int d, long s) {
    int whole = d - d % Simd.L;
    for (int j = 0; j < keys; j++) {
      long key = kAt + j * kStride;
      FloatVector a = FloatVector.zero(Simd.F);
      for (int i = 0; i < whole; i += Simd.L) {
        a = Simd.load(p, q + 4L * i).fma(Simd.load(k, key + 4L * i), a);
      }
      p.set(F32, s + 4L * j, Simd.sum(a));
    }
    if (whole < d) {
      tail(p, q, k, kAt, kStride, keys, whole, d, s);
    }
  }

  private static void tail(
      MemorySegment p,
      long q,
      MemorySegment k,
      long kAt,
      long kStride,
      int keys,
      int from,
      int d,
      long s) {
    for (int j = 0; j < keys; j++) {
      float sum = p.get(F32, s + 4L * j);
      for (int i = from; i < d; i++) {
        sum = Math.fma(p.get(F32, q + 4L * i), k.get(F32, kAt + j * kStride + 4L * i), sum);
      }
      p.set(F32, s + 4L * j, sum);
    }
  }

  /** o[r, c] += Σⱼ s[r, j] · v[j, c] for some rows; o's rows are oStride bytes apart. */
  static void values(
      MemorySegment p,
      long s,
      int rows,
      MemorySegment v,
      long vAt,
      long vStride,
      int keys,
      int d,
      long o,
      long oStride) {
    int whole = d - d % Simd.L;
    int r = 0;
    for (; r <= rows - 4; r += 4) {
      long at = s + r * MicroKernel.ROW_BYTES;
      for (int c = 0; c < whole; c += Simd.L) {
        values4(p, at, v, vAt + 4L * c, vStride, keys, o + r * oStride + 4L * c, oStride);
      }
    }
    for (; r < rows; r++) {
      long at = s + r * MicroKernel.ROW_BYTES;
      for (int c = 0; c < whole; c += Simd.L) {
        values1(p, at, v, vAt + 4L * c, vStride, keys, o + r * oStride + 4L * c);
      }
    }
    for (r = 0; r < rows && whole < d; r++) {
      valuesTail(
          p, s + r * MicroKernel.ROW_BYTES, v, vAt, vStride, keys, whole, d, o + r * oStride);
    }
  }

  private static void values4(
      MemorySegment p,
      long s,
      MemorySegment v,
      long vAt,
      long vStride,
      int keys,
      long o,
      long oStride) {
    FloatVector a = Simd.load(p, o);
    FloatVector b = Simd.load(p, o + oStride);
    FloatVector c = Simd.load(p, o + 2 * oStride);
    FloatVector e = Simd.load(p, o + 3 * oStride);
    for (int j = 0; j < keys; j++) {
      FloatVector x = Simd.load(v, vAt + j * vStride);
      long w = s + 4L * j;
      a = x.fma(Simd.all(p, w), a);
      b = x.fma(Simd.all(p, w + MicroKernel.ROW_BYTES), b);
      c = x.fma(Simd.all(p, w + 2 * MicroKernel.ROW_BYTES), c);
      e = x.fma(Simd.all(p, w + 3 * MicroKernel.ROW_BYTES), e);
    }
    Simd.store(a, p, o);
    Simd.store(b, p, o + oStride);
    Simd.store(c, p, o + 2 * oStride);
    Simd.store(e, p, o + 3 * oStride);
  }

  private static void values1(
      MemorySegment p, long s, MemorySegment v, long vAt, long vStride, int keys, long o) {
    FloatVector a = Simd.load(p, o);
    for (int j = 0; j < keys; j++) {
      a = Simd.load(v, vAt + j * vStride).fma(Simd.all(p, s + 4L * j), a);
    }
    Simd.store(a, p, o);
  }

  private static void valuesTail(
      MemorySegment p,
      long s,
      MemorySegment v,
      long vAt,
      long vStride,
      int keys,
      int from,
      int d,
      long o) {
    for (int c = from; c < d; c++) {
      float sum = p.get(F32, o + 4L * c);
      for (int j = 0; j < keys; j++) {
        sum = Math.fma(p.get(F32, s + 4L * j), v.get(F32, vAt + j * vStride + 4L * c), sum);
      }
      p.set(F32, o + 4L * c, sum);
    }
  }

  /**
   * s = softcap(scale · s) (+ mask).
   *
   * @param n a multiple of the vector length
   * @param mask where it is, −1 for none
   * @param spare room for n floats
   */
  static void finish(
      MemorySegment p, long s, int n, float scale, float softCap, long mask, long spare) {
    LineLoops.scale(p, s, n, softCap == 0 ? scale : scale / softCap, p, s);
    if (softCap != 0) {
      UnaryLoops.tanh(p, s, p, spare, n);
      LineLoops.scale(p, spare, n, softCap, p, s);
    }
    if (mask >= 0) {
      for (int i = 0; i < n; i += Simd.L) {
        FloatVector x = FloatVector.fromMemorySegment(Simd.F, p, s + 4L * i, Simd.LE);
        FloatVector m = FloatVector.fromMemorySegment(Simd.F, p, mask + 4L * i, Simd.LE);
        x.add(m).intoMemorySegment(p, s + 4L * i, Simd.LE);
      }
    }
  }

  /**
   * One step of the streaming softmax: s becomes e^(s − m), m the largest score so far, and the
   * row's state (m, and 4 bytes on the sum l) is brought up to date.
   *
   * @param n scores, a multiple of the vector length; those of hidden keys are −∞
   * @return what former sums shrink by; 1 if there are none
   */
  static float softmax(MemorySegment p, long s, int n, long state) {
    float m = p.get(F32, state);
    float larger = Math.max(m, LineLoops.max(p, s, n));
    if (larger == Float.NEGATIVE_INFINITY) {
      Convert.fill(0, p, s, n);
      return 1;
    }
    float sum = ExpLoop.sum(p, s, n, larger, p, s);
    // A vector for one number would be an object: here C2 has inlined too much to see through it.
    float shrink = m == Float.NEGATIVE_INFINITY ? 1 : (float) StrictMath.exp(m - larger);
    p.set(F32, state, larger);
    p.set(F32, state + 4, p.get(F32, state + 4) * shrink + sum);
    return shrink;
  }
}

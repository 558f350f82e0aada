package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.L;
import static dev.quern.kernels.cpu.Simd.LE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The loops over a line of F32 that reductions, softmax and norms are made of: vectors first, then
 * what is left one by one. Sums are kept in two vectors, added in a fixed order.
 *
 * <p>Those that attention calls have no helpers, as {@link ExpLoop} says.
 */
final class LineLoops {
  private static final int PART = 4096;

  private LineLoops() {}

  /** The largest element; −∞ of nothing, NaN if there is one. */
  static float max(MemorySegment s, long at, int n) {
    FloatVector m = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    int i = 0;
    for (; i <= n - L; i += L) {
      m = m.max(FloatVector.fromMemorySegment(F, s, at + 4L * i, LE));
    }
    if (L >= 16) {
      m = m.max(m.rearrange(Simd.ROTATE8));
    }
    if (L >= 8) {
      m = m.max(m.rearrange(Simd.ROTATE4));
    }
    if (L >= 4) {
      m = m.max(m.rearrange(Simd.ROTATE2));
    }
    float max = m.max(m.rearrange(Simd.ROTATE1)).lane(0);
    for (; i < n; i++) {
      max = Math.max(max, s.get(F32, at + 4L * i));
    }
    return max;
  }

  /** The smallest element; ∞ of nothing, NaN if there is one. */
  static float min(MemorySegment s, long at, int n) {
    FloatVector m = Simd.all(Float.POSITIVE_INFINITY);
    int i = 0;
    for (; i <= n - Simd.L; i += Simd.L) {
      m = m.min(Simd.load(s, at + 4L * i));
    }
    float min = -Simd.max(m.neg());
    for (; i < n; i++) {
      min = Math.min(min, s.get(F32, at + 4L * i));
    }
    return min;
  }

  /** Σ x; F32 for 4,096 elements at a time, F64 for those sums. */
  static double sum(MemorySegment s, long at, int n) {
    return sum(s, at, n, 0);
  }

  /** Σ (x − c). */
  private static double sum(MemorySegment s, long at, int n, float c) {
    double sum = 0;
    for (int i = 0; i < n; i += PART) {
      sum += partSum(s, at + 4L * i, Math.min(PART, n - i), c);
    }
    return sum;
  }

  private static float partSum(MemorySegment s, long at, int n, float c) {
    FloatVector a = FloatVector.zero(Simd.F);
    FloatVector b = a;
    int i = 0;
    for (; i <= n - 2 * Simd.L; i += 2 * Simd.L) {
      a = a.add(Simd.load(s, at + 4L * i).sub(c));
      b = b.add(Simd.load(s, at + 4L * (i + Simd.L)).sub(c));
    }
    float sum = Simd.sum(a.add(b));
    for (; i < n; i++) {
      sum += s.get(F32, at + 4L * i) - c;
    }
    return sum;
  }

  /** Σ (x − mean)²: from the differences to the mean as an F32, corrected for its rounding. */
  static double deviations(MemorySegment s, long at, int n) {
    float c = (float) (sum(s, at, n) / n);
    double d = sum(s, at, n, c);
    return squares(s, at, n, c) - d * d / n;
  }

  /** Σ (x − c)², as {@link #sum}. */
  static double squares(MemorySegment s, long at, int n, float c) {
    double sum = 0;
    for (int i = 0; i < n; i += PART) {
      sum += partSquares(s, at + 4L * i, Math.min(PART, n - i), c);
    }
    return sum;
  }

  private static float partSquares(MemorySegment s, long at, int n, float c) {
    FloatVector a = FloatVector.zero(Simd.F);
    FloatVector b = a;
    int i = 0;
    for (; i <= n - 2 * Simd.L; i += 2 * Simd.L) {
      FloatVector u = Simd.load(s, at + 4L * i).sub(c);
      FloatVector v = Simd.load(s, at + 4L * (i + Simd.L)).sub(c);
      a = u.fma(u, a);
      b = v.fma(v, b);
    }
    float sum = Simd.sum(a.add(b));
    for (; i < n; i++) {
      float u = s.get(F32, at + 4L * i) - c;
      sum = Math.fma(u, u, sum);
    }
    return sum;
  }

  /** y = x + c. */
  static void shift(MemorySegment s, long at, int n, float c, MemorySegment y, long to) {
    int i = 0;
    for (; i <= n - L; i += L) {
      FloatVector x = FloatVector.fromMemorySegment(F, s, at + 4L * i, LE);
      x.add(c).intoMemorySegment(y, to + 4L * i, LE);
    }
    for (; i < n; i++) {
      y.set(F32, to + 4L * i, s.get(F32, at + 4L * i) + c);
    }
  }

  /** y = x · c. */
  static void scale(MemorySegment s, long at, int n, float c, MemorySegment y, long to) {
    int i = 0;
    for (; i <= n - L; i += L) {
      FloatVector x = FloatVector.fromMemorySegment(F, s, at + 4L * i, LE);
      x.mul(c).intoMemorySegment(y, to + 4L * i, LE);
    }
    for (; i < n; i++) {
      y.set(F32, to + 4L * i, s.get(F32, at + 4L * i) * c);
    }
  }

  /** y = x · c · w. */
  static void scaleBy(
      MemorySegment s,
      long at,
      int n,
      float c,
      MemorySegment w,
      long wAt,
      MemorySegment y,
      long to) {
    int i = 0;
    for (; i <= n - Simd.L; i += Simd.L) {
      FloatVector v = Simd.load(s, at + 4L * i).mul(c).mul(Simd.load(w, wAt + 4L * i));
      Simd.store(v, y, to + 4L * i);
    }
    for (; i < n; i++) {
      float v = s.get(F32, at + 4L * i) * c * w.get(F32, wAt + 4L * i);
      y.set(F32, to + 4L * i, v);
    }
  }

  /** y = (x − m) · c · w + b; w and then b lie {@code gap} bytes apart. */
  static void normalise(
      MemorySegment s,
      long at,
      int n,
      float m,
      float c,
      MemorySegment w,
      long wAt,
      long gap,
      MemorySegment y,
      long to) {
    int i = 0;
    for (; i <= n - Simd.L; i += Simd.L) {
      FloatVector v = Simd.load(s, at + 4L * i).sub(m).mul(c);
      long p = wAt + 4L * i;
      Simd.store(v.fma(Simd.load(w, p), Simd.load(w, p + gap)), y, to + 4L * i);
    }
    for (; i < n; i++) {
      float v = (s.get(F32, at + 4L * i) - m) * c;
      long p = wAt + 4L * i;
      y.set(F32, to + 4L * i, Math.fma(v, w.get(F32, p), w.get(F32, p + gap)));
    }
  }
}

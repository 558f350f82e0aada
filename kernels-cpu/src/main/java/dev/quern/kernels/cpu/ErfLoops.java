package dev.quern.kernels.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * y[i] = f(x[i]) for erf and what is made of it, within 4 units in the last place; n is a multiple
 * of the vector length, and y is not x.
 *
 * <p>In several passes over a run that is in the first-level cache, with y for what goes from one
 * to the next, each pass in a method of its own: in one long method C2 stops inlining, and then
 * boxes the vectors that go in and out of helpers (9 instead of 1 ns an element). Coefficients are
 * minimax fits in the variable and on the interval that each method names.
 */
final class ErfLoops {
  private static final float SQRT_HALF = 0.70710677f;

  private ErfLoops() {}

  /** erf x ≈ x · p(x²) for |x| ≤ 1, else 1 − erfc|x| with the sign of x. */
  static void erf(MemorySegment a, long from, MemorySegment y, long to, int n) {
    power(a, from, y, to, n, 1);
    erfc(a, from, y, to, n, 1);
    finishErf(a, from, y, to, n);
  }

  private static void finishErf(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      FloatVector u = x.mul(x);
      FloatVector near = erfTail(u).mul(x);
      FloatVector far = VectorMath.withSign(Simd.all(1f).sub(Simd.load(y, to + 4L * i)), x);
      far.blend(near, u.compare(VectorOperators.LE, 1f)).intoMemorySegment(y, to + 4L * i, Simd.LE);
    }
  }

  /** x · Φ(x) = x · erfc(−x/√2) / 2, from the side of the tail that does not cancel. */
  static void gelu(MemorySegment a, long from, MemorySegment y, long to, int n) {
    power(a, from, y, to, n, SQRT_HALF);
    erfc(a, from, y, to, n, SQRT_HALF);
    finishGelu(a, from, y, to, n);
  }

  private static void finishGelu(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      FloatVector tail = Simd.load(y, to + 4L * i).mul(0.5f);
      FloatVector phi = tail.blend(tail.mul(-1f).add(1f), x.compare(VectorOperators.GT, 0f));
      x.mul(phi).intoMemorySegment(y, to + 4L * i, Simd.LE);
    }
  }

  /** e^(−a²), a = |x| · scale. */
  private static void power(
      MemorySegment x, long from, MemorySegment y, long to, int n, float scale) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector b = bounded(x, from + 4L * i, scale);
      VectorMath.exp(b.mul(b).mul(-1f)).intoMemorySegment(y, to + 4L * i, Simd.LE);
    }
  }

  /**
   * erfc a, a = |x| · scale: e^(−a²) · s(t) / (1 + 2a), t = (a − 2) / (a + 2). The square is taken
   * in two parts, so that the tail keeps its relative accuracy. 0 from a = 10.2 on.
   *
   * <p>y is e^(−a²) before and erfc a afterwards.
   */
  private static void erfc(
      MemorySegment x, long from, MemorySegment y, long to, int n, float scale) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector b = bounded(x, from + 4L * i, scale);
      FloatVector e = Simd.load(y, to + 4L * i);
      FloatVector s = erfcTail(b.sub(2f).div(b.add(2f)));
      FloatVector low = b.fma(b, b.mul(b).mul(-1f));
      e = e.sub(e.mul(low));
      e.mul(s).div(b.add(b).add(1f)).intoMemorySegment(y, to + 4L * i, Simd.LE);
    }
  }

  private static FloatVector bounded(MemorySegment x, long at, float scale) {
    FloatVector a = Simd.load(x, at).abs().mul(scale);
    return a.blend(11f, a.compare(VectorOperators.GT, 11f));
  }

  private static FloatVector erfTail(FloatVector u) {
    FloatVector p = u.fma(Simd.all(-9.680131e-6f), Simd.all(1.1270543e-4f));
    p = p.fma(u, Simd.all(-8.484711e-4f));
    p = p.fma(u, Simd.all(0.005221075f));
    p = p.fma(u, Simd.all(-0.026865445f));
    p = p.fma(u, Simd.all(0.11283783f));
    p = p.fma(u, Simd.all(-0.37612638f));
    return p.fma(u, Simd.all(1.1283792f));
  }

  private static FloatVector erfcTail(FloatVector t) {
    FloatVector s = t.fma(Simd.all(7.916291e-5f), Simd.all(1.6880434e-4f));
    s = s.fma(t, Simd.all(-4.0086228e-4f));
    s = s.fma(t, Simd.all(-0.0014202705f));
    s = s.fma(t, Simd.all(0.0012529519f));
    s = s.fma(t, Simd.all(0.008708941f));
    s = s.fma(t, Simd.all(-0.008030957f));
    s = s.fma(t, Simd.all(-0.05421781f));
    s = s.fma(t, Simd.all(0.16405106f));
    s = s.fma(t, Simd.all(-0.16603053f));
    s = s.fma(t, Simd.all(-0.09276382f));
    return s.fma(t, Simd.all(1.2769784f));
  }
}

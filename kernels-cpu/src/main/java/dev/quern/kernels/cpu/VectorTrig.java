package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Sine and cosine of floats, a vector at a time, within 2 units in the last place.
 *
 * <p>x = n · π/2 + r, |r| ≤ π/4, with π/2 in three parts: the first product leaves an exact
 * difference for |x| ≤ 131,072. Beyond that, where a float's neighbours are a sixty-fourth apart,
 * elements are computed one by one. Coefficients are minimax fits in r².
 */
final class VectorTrig {
  private static final float TWO_BY_PI = 0.63661975f;
  private static final float HALF_PI_HIGH = 1.5707964f;
  private static final float HALF_PI_MIDDLE = -4.371139e-8f;
  private static final float HALF_PI_LOW = -1.7151245e-15f;

  /** Adding 1.5 · 2²³ leaves the nearest integer in the low bits. */
  private static final float ROUND = 12582912f;

  private static final float MOST = 131072f;

  private VectorTrig() {}

  /** y[i] = sin x[i]. */
  static void sin(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      Simd.store(near(Simd.load(a, from + 4L * i), 0), y, to + 4L * i);
    }
    for (int i = 0; i < n; i += Simd.L) {
      if (isFar(Simd.load(a, from + 4L * i))) {
        farSin(a, from + 4L * i, y, to + 4L * i);
      }
    }
  }

  /** y[i] = cos x[i] = sin(x[i] + π/2). */
  static void cos(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      Simd.store(near(Simd.load(a, from + 4L * i), 1), y, to + 4L * i);
    }
    for (int i = 0; i < n; i += Simd.L) {
      if (isFar(Simd.load(a, from + 4L * i))) {
        farCos(a, from + 4L * i, y, to + 4L * i);
      }
    }
  }

  private static boolean isFar(FloatVector x) {
    return x.abs().compare(VectorOperators.GT, MOST).anyTrue();
  }

  private static void farSin(MemorySegment a, long from, MemorySegment y, long to) {
    for (int i = 0; i < Simd.L; i++) {
      y.set(F32, to + 4L * i, (float) StrictMath.sin(a.get(F32, from + 4L * i)));
    }
  }

  private static void farCos(MemorySegment a, long from, MemorySegment y, long to) {
    for (int i = 0; i < Simd.L; i++) {
      y.set(F32, to + 4L * i, (float) StrictMath.cos(a.get(F32, from + 4L * i)));
    }
  }

  /** sin(x + quarter · π/2) for |x| ≤ 131,072; NaN stays NaN. */
  private static FloatVector near(FloatVector x, int quarter) {
    FloatVector t = x.fma(Simd.all(TWO_BY_PI), Simd.all(ROUND));
    FloatVector r = rest(x, t.sub(ROUND));
    IntVector q = t.reinterpretAsInts().add(quarter);
    IntVector minus = q.and(2).lanewise(VectorOperators.LSHL, 30);
    return choose(r, q)
        .reinterpretAsInts()
        .lanewise(VectorOperators.XOR, minus)
        .reinterpretAsFloats();
  }

  private static FloatVector rest(FloatVector x, FloatVector n) {
    FloatVector r = n.fma(Simd.all(-HALF_PI_HIGH), x);
    r = n.fma(Simd.all(-HALF_PI_MIDDLE), r);
    return n.fma(Simd.all(-HALF_PI_LOW), r);
  }

  /** sin r in even quarters, cos r in odd ones. */
  private static FloatVector choose(FloatVector r, IntVector q) {
    FloatVector u = r.mul(r);
    FloatVector sin = sinTail(u).mul(u).fma(r, r);
    FloatVector cos = cosTail(u).fma(u.mul(u), u.fma(Simd.all(-0.5f), Simd.all(1f)));
    return sin.blend(cos, q.and(1).compare(VectorOperators.NE, 0).cast(Simd.F));
  }

  private static FloatVector sinTail(FloatVector u) {
    FloatVector p = u.fma(Simd.all(-0.00019510872f), Simd.all(0.008332131f));
    return p.fma(u, Simd.all(-0.16666654f));
  }

  private static FloatVector cosTail(FloatVector u) {
    FloatVector p = u.fma(Simd.all(2.4431241e-5f), Simd.all(-0.0013887306f));
    return p.fma(u, Simd.all(0.041666646f));
  }
}

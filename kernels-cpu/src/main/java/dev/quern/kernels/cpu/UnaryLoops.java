package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.L;
import static dev.quern.kernels.cpu.Simd.LE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * y[i] = f(x[i]) for each function of one operand; n is a multiple of the vector length, and y is
 * not x.
 *
 * <p>One loop each: a loop that took the function as a parameter would box its vectors.
 */
final class UnaryLoops {
  private UnaryLoops() {}

  static void neg(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      Simd.store(x.neg(), y, to + 4L * i);
    }
  }

  static void abs(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      Simd.store(x.abs(), y, to + 4L * i);
    }
  }

  static void exp(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      Simd.store(VectorMath.exp(x), y, to + 4L * i);
    }
  }

  static void log(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      VectorMath.log(x).intoMemorySegment(y, to + 4L * i, Simd.LE);
    }
  }

  static void sqrt(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      Simd.store(x.sqrt(), y, to + 4L * i);
    }
  }

  static void rsqrt(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      Simd.store(Simd.all(1f).div(x.sqrt()), y, to + 4L * i);
    }
  }

  static void reciprocal(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      Simd.store(Simd.all(1f).div(x), y, to + 4L * i);
    }
  }

  /**
   * tanh x ≈ x + x³ · p(x²) for x² ≤ 0.4, else 1 − 2 / (e^(2|x|) + 1) with the sign of x. In three
   * loops, or C2 would stop inlining and box; without helpers, as {@link ExpLoop} says.
   */
  static void tanh(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += L) {
      FloatVector x = FloatVector.fromMemorySegment(F, a, from + 4L * i, LE).abs();
      x.add(x).intoMemorySegment(y, to + 4L * i, LE);
    }
    ExpLoop.inPlace(y, to, n);
    tanhRest(a, from, y, to, n);
  }

  private static void tanhRest(MemorySegment a, long from, MemorySegment y, long to, int n) {
    FloatVector p0 = FloatVector.broadcast(F, -0.3333333f);
    FloatVector p1 = FloatVector.broadcast(F, 0.13333195f);
    FloatVector p2 = FloatVector.broadcast(F, -0.053945377f);
    FloatVector p3 = FloatVector.broadcast(F, 0.021692604f);
    FloatVector p4 = FloatVector.broadcast(F, -0.008156274f);
    FloatVector p5 = FloatVector.broadcast(F, 0.002122741f);
    FloatVector one = FloatVector.broadcast(F, 1f);
    FloatVector two = FloatVector.broadcast(F, 2f);
    for (int i = 0; i < n; i += L) {
      FloatVector x = FloatVector.fromMemorySegment(F, a, from + 4L * i, LE);
      FloatVector e = FloatVector.fromMemorySegment(F, y, to + 4L * i, LE);
      FloatVector u = x.mul(x);
      FloatVector p = u.fma(p5, p4).fma(u, p3).fma(u, p2).fma(u, p1).fma(u, p0);
      FloatVector far = one.sub(two.div(e.add(one)));
      IntVector sign = x.reinterpretAsInts().and(Integer.MIN_VALUE);
      FloatVector r = far.reinterpretAsInts().or(sign).reinterpretAsFloats();
      r = r.blend(p.mul(u).fma(x, x), u.compare(VectorOperators.LE, 0.4f));
      r.intoMemorySegment(y, to + 4L * i, LE);
    }
  }

  static void sigmoid(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      Simd.store(VectorMath.sigmoid(x), y, to + 4L * i);
    }
  }

  static void relu(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      Simd.store(x.max(0f), y, to + 4L * i);
    }
  }

  static void geluTanh(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      Simd.store(VectorMath.geluTanh(x), y, to + 4L * i);
    }
  }

  static void silu(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      Simd.store(VectorMath.silu(x), y, to + 4L * i);
    }
  }

  /** 1 − x, of 1 or 0. */
  static void not(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      Simd.store(Simd.all(1f).sub(x), y, to + 4L * i);
    }
  }

  /** x itself: a conversion of its type. */
  static void same(MemorySegment a, long from, MemorySegment y, long to, int n) {
    MemorySegment.copy(a, from, y, to, 4L * n);
  }

  /** min(max(x, low), high); NaN stays NaN. */
  static void clip(
      MemorySegment a, long from, MemorySegment y, long to, int n, float low, float high) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      Simd.store(x.max(low).min(high), y, to + 4L * i);
    }
  }
}

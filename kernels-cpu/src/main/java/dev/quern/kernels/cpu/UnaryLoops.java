package dev.quern.kernels.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

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

  static void tanh(MemorySegment a, long from, MemorySegment y, long to, int n) {
    tanhPower(a, from, y, to, n);
    tanhRest(a, from, y, to, n);
  }

  /** e^(2|x|). */
  private static void tanhPower(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i).abs();
      VectorMath.exp(x.add(x)).intoMemorySegment(y, to + 4L * i, Simd.LE);
    }
  }

  /** tanh x from that; in a method of its own, or C2 would stop inlining and box. */
  private static void tanhRest(MemorySegment a, long from, MemorySegment y, long to, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector x = Simd.load(a, from + 4L * i);
      FloatVector e = Simd.load(y, to + 4L * i);
      VectorMath.tanh(x, e).intoMemorySegment(y, to + 4L * i, Simd.LE);
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

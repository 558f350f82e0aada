package dev.quern.kernels.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * y[i] = f(a[i], b[i]) for each function of two operands, and the choice between two; n is a
 * multiple of the vector length. Comparisons give 1 or 0.
 */
final class BinaryLoops {
  private BinaryLoops() {}

  static void add(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(a.add(b), y, yAt + 4L * i);
    }
  }

  static void sub(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(a.sub(b), y, yAt + 4L * i);
    }
  }

  static void mul(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(a.mul(b), y, yAt + 4L * i);
    }
  }

  static void div(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(a.div(b), y, yAt + 4L * i);
    }
  }

  static void maximum(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(a.max(b), y, yAt + 4L * i);
    }
  }

  static void minimum(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(a.min(b), y, yAt + 4L * i);
    }
  }

  static void swiGlu(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    UnaryLoops.silu(p, pAt, y, yAt, n); // in one loop, C2 would not see through the product
    mul(y, yAt, q, qAt, y, yAt, n);
  }

  static void geGlu(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    ErfLoops.gelu(p, pAt, y, yAt, n);
    mul(y, yAt, q, qAt, y, yAt, n);
  }

  static void geGluTanh(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(VectorMath.geluTanh(a).mul(b), y, yAt + 4L * i);
    }
  }

  static void equal(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(bit(a.compare(VectorOperators.EQ, b)), y, yAt + 4L * i);
    }
  }

  static void notEqual(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(bit(a.compare(VectorOperators.NE, b)), y, yAt + 4L * i);
    }
  }

  static void less(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(bit(a.compare(VectorOperators.LT, b)), y, yAt + 4L * i);
    }
  }

  static void lessEqual(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(bit(a.compare(VectorOperators.LE, b)), y, yAt + 4L * i);
    }
  }

  static void greater(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(bit(a.compare(VectorOperators.GT, b)), y, yAt + 4L * i);
    }
  }

  static void greaterEqual(
      MemorySegment p, long pAt, MemorySegment q, long qAt, MemorySegment y, long yAt, int n) {
    for (int i = 0; i < n; i += Simd.L) {
      FloatVector a = Simd.load(p, pAt + 4L * i);
      FloatVector b = Simd.load(q, qAt + 4L * i);
      Simd.store(bit(a.compare(VectorOperators.GE, b)), y, yAt + 4L * i);
    }
  }

  private static FloatVector bit(VectorMask<Float> m) {
    return FloatVector.zero(Simd.F).blend(1f, m);
  }

  /** c[i] ? a[i] : b[i], c as 1 or 0. */
  static void where(ElementTask.Piece x, int n) {
    MemorySegment c = x.segments[0];
    MemorySegment a = x.segments[1];
    MemorySegment b = x.segments[2];
    MemorySegment y = x.segments[3];
    long cAt = x.at[0];
    long aAt = x.at[1];
    long bAt = x.at[2];
    long yAt = x.at[3];
    for (int i = 0; i < n; i += Simd.L) {
      VectorMask<Float> m = Simd.load(c, cAt + 4L * i).compare(VectorOperators.NE, 0f);
      FloatVector v = Simd.load(b, bAt + 4L * i).blend(Simd.load(a, aAt + 4L * i), m);
      Simd.store(v, y, yAt + 4L * i);
    }
  }
}

package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.HL;
import static dev.quern.kernels.cpu.Simd.H_PARTS;
import static dev.quern.kernels.cpu.Simd.I;
import static dev.quern.kernels.cpu.Simd.L;
import static dev.quern.kernels.cpu.Simd.LE;
import static dev.quern.kernels.cpu.Simd.VB;
import static jdk.incubator.vector.VectorOperators.LSHL;

import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Dot products of rows of unblocked floats with one x: the lanes of each row's sum, whole vectors
 * only.
 *
 * <p>Loop: over k by one or two vectors; the four rows, {@code far} bytes apart, share a load of x
 * and have sums enough to hide the latency of the multiply-add.
 *
 * <p>Each row is a slice of its own, and only then are the bounds of its accesses checked once and
 * not in the loop: an offset that is not a constant plus a multiple of the loop's variable is one
 * that C2 can't prove not to overflow.
 */
final class DotFloats {
  private static final int HIGH = 0xffff0000;

  private DotFloats() {}

  /** How many elements at the end of a row the vectors leave; 0 for block types. */
  static int left(DType type, int k) {
    if (type.isBlock()) {
      return 0;
    }
    return k % (type == ScalarType.F32 ? L : type == ScalarType.BF16 ? 2 * L : HL);
  }

  static void f32(MemorySegment w, long at, long far, MemorySegment x, long xAt, int k, float[] t) {
    MemorySegment v = x.asSlice(xAt, 4L * k);
    MemorySegment w0 = w.asSlice(at, 4L * k);
    MemorySegment w1 = w.asSlice(at + far, 4L * k);
    MemorySegment w2 = w.asSlice(at + 2 * far, 4L * k);
    MemorySegment w3 = w.asSlice(at + 3 * far, 4L * k);
    FloatVector s0 = FloatVector.zero(F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int whole = k - k % L;
    for (int i = 0; i < whole; i += L) {
      FloatVector a = FloatVector.fromMemorySegment(F, v, i * 4L, LE);
      s0 = FloatVector.fromMemorySegment(F, w0, i * 4L, LE).fma(a, s0);
      s1 = FloatVector.fromMemorySegment(F, w1, i * 4L, LE).fma(a, s1);
      s2 = FloatVector.fromMemorySegment(F, w2, i * 4L, LE).fma(a, s2);
      s3 = FloatVector.fromMemorySegment(F, w3, i * 4L, LE).fma(a, s3);
    }
    s0.intoArray(t, 0);
    s1.intoArray(t, L);
    s2.intoArray(t, 2 * L);
    s3.intoArray(t, 3 * L);
  }

  /**
   * Copies x into the order that {@link #bf16} wants: of each two vectors first the even elements,
   * then the odd ones. What is left at the end keeps its place.
   */
  static void split(MemorySegment x, long xAt, int k, MemorySegment to, long at) {
    int whole = k - k % (2 * L);
    for (int i = 0; i < whole; i += 2 * L) {
      for (int j = 0; j < L; j++) {
        to.set(F32, at + 4L * (i + j), x.get(F32, xAt + 4L * (i + 2 * j)));
        to.set(F32, at + 4L * (i + L + j), x.get(F32, xAt + 4L * (i + 2 * j + 1)));
      }
    }
    MemorySegment.copy(x, xAt + 4L * whole, to, at + 4L * whole, 4L * (k - whole));
  }

  /** Two neighbours are one int: its high half is the odd one as F32, its low half the even one. */
  static void bf16(
      MemorySegment w, long at, long far, MemorySegment x, long xAt, int k, float[] t) {
    MemorySegment v = x.asSlice(xAt, 4L * k);
    MemorySegment w0 = w.asSlice(at, 2L * k);
    MemorySegment w1 = w.asSlice(at + far, 2L * k);
    MemorySegment w2 = w.asSlice(at + 2 * far, 2L * k);
    MemorySegment w3 = w.asSlice(at + 3 * far, 2L * k);
    FloatVector s0 = FloatVector.zero(F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int whole = k - k % (2 * L);
    for (int i = 0; i < whole; i += 2 * L) {
      FloatVector even = FloatVector.fromMemorySegment(F, v, i * 4L, LE);
      FloatVector odd = FloatVector.fromMemorySegment(F, v, i * 4L + VB, LE);
      IntVector q = IntVector.fromMemorySegment(I, w0, i * 2L, LE);
      s0 = q.lanewise(LSHL, 16).reinterpretAsFloats().fma(even, s0);
      s0 = q.and(HIGH).reinterpretAsFloats().fma(odd, s0);
      q = IntVector.fromMemorySegment(I, w1, i * 2L, LE);
      s1 = q.lanewise(LSHL, 16).reinterpretAsFloats().fma(even, s1);
      s1 = q.and(HIGH).reinterpretAsFloats().fma(odd, s1);
      q = IntVector.fromMemorySegment(I, w2, i * 2L, LE);
      s2 = q.lanewise(LSHL, 16).reinterpretAsFloats().fma(even, s2);
      s2 = q.and(HIGH).reinterpretAsFloats().fma(odd, s2);
      q = IntVector.fromMemorySegment(I, w3, i * 2L, LE);
      s3 = q.lanewise(LSHL, 16).reinterpretAsFloats().fma(even, s3);
      s3 = q.and(HIGH).reinterpretAsFloats().fma(odd, s3);
    }
    s0.intoArray(t, 0);
    s1.intoArray(t, L);
    s2.intoArray(t, 2 * L);
    s3.intoArray(t, 3 * L);
  }

  /** One row: C2 stops inlining in a body that widens two. */
  static void f16(MemorySegment w, long at, MemorySegment x, long xAt, int k, float[] t) {
    MemorySegment v = x.asSlice(xAt, 4L * k);
    MemorySegment w0 = w.asSlice(at, 2L * k);
    FloatVector s = FloatVector.zero(F);
    int whole = k - k % HL;
    for (int i = 0; i < whole; i += HL) {
      ShortVector h = Simd.shorts(w0, 2L * i);
      for (int p = 0; p < H_PARTS; p++) {
        s = Convert.f16(h, p).fma(Simd.load(v, 4L * (i + p * L)), s);
      }
    }
    s.intoArray(t, 0);
  }
}

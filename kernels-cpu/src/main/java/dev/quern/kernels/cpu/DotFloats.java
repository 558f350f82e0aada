package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.H;
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
 * only. Four rows, {@code far} bytes apart, then the four that follow them, {@code stride} bytes
 * on.
 *
 * <p>Loop: over the rows; over k by one or two vectors. The four rows share a load of x and have
 * sums enough to hide the latency of the multiply-add.
 *
 * <p>The inner loops are no counted loops on purpose: for those C2 peels an iteration, splits off a
 * first and a last loop and works out bounds, 300 instructions for each row that save 40 of 110 in
 * the body, and are dearer (see {@link DotRows}).
 */
final class DotFloats {
  private static final int HIGH = 0xffff0000;

  private DotFloats() {}

  /** How many elements at the end of a row the vectors leave; 0 for block types. */
  static int left(DType type, int k) {
    if (type.isBlock()) {
      return 0;
    }
    return k % (type == ScalarType.F16 ? HL : type == ScalarType.BF16 ? 2 * L : L);
  }

  static void f32(
      MemorySegment w,
      long at,
      long stride,
      long far,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      float[] t) {
    for (int r = 0; r < rows; r++) {
      long q = at + r * stride;
      long e = xAt;
      long end = xAt + 4L * (k - left(ScalarType.F32, k));
      FloatVector s0 = FloatVector.zero(F);
      FloatVector s1 = s0;
      FloatVector s2 = s0;
      FloatVector s3 = s0;
      while (e != end) {
        FloatVector v = FloatVector.fromMemorySegment(F, x, e, LE);
        s0 = FloatVector.fromMemorySegment(F, w, q, LE).fma(v, s0);
        s1 = FloatVector.fromMemorySegment(F, w, q + far, LE).fma(v, s1);
        s2 = FloatVector.fromMemorySegment(F, w, q + 2 * far, LE).fma(v, s2);
        s3 = FloatVector.fromMemorySegment(F, w, q + 3 * far, LE).fma(v, s3);
        q += VB;
        e += VB;
      }
      s0.intoArray(t, 4 * L * r);
      s1.intoArray(t, 4 * L * r + L);
      s2.intoArray(t, 4 * L * r + 2 * L);
      s3.intoArray(t, 4 * L * r + 3 * L);
    }
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
      MemorySegment w,
      long at,
      long stride,
      long far,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      float[] t) {
    for (int r = 0; r < rows; r++) {
      long q = at + r * stride;
      long e = xAt;
      long end = xAt + 4L * (k - left(ScalarType.BF16, k));
      FloatVector s0 = FloatVector.zero(F);
      FloatVector s1 = s0;
      FloatVector s2 = s0;
      FloatVector s3 = s0;
      while (e != end) {
        FloatVector even = FloatVector.fromMemorySegment(F, x, e, LE);
        FloatVector odd = FloatVector.fromMemorySegment(F, x, e + VB, LE);
        IntVector i = IntVector.fromMemorySegment(I, w, q, LE);
        s0 = i.lanewise(LSHL, 16).reinterpretAsFloats().fma(even, s0);
        s0 = i.and(HIGH).reinterpretAsFloats().fma(odd, s0);
        i = IntVector.fromMemorySegment(I, w, q + far, LE);
        s1 = i.lanewise(LSHL, 16).reinterpretAsFloats().fma(even, s1);
        s1 = i.and(HIGH).reinterpretAsFloats().fma(odd, s1);
        i = IntVector.fromMemorySegment(I, w, q + 2 * far, LE);
        s2 = i.lanewise(LSHL, 16).reinterpretAsFloats().fma(even, s2);
        s2 = i.and(HIGH).reinterpretAsFloats().fma(odd, s2);
        i = IntVector.fromMemorySegment(I, w, q + 3 * far, LE);
        s3 = i.lanewise(LSHL, 16).reinterpretAsFloats().fma(even, s3);
        s3 = i.and(HIGH).reinterpretAsFloats().fma(odd, s3);
        q += VB;
        e += 2L * VB;
      }
      s0.intoArray(t, 4 * L * r);
      s1.intoArray(t, 4 * L * r + L);
      s2.intoArray(t, 4 * L * r + 2 * L);
      s3.intoArray(t, 4 * L * r + 3 * L);
    }
  }

  /** One row after the other: C2 stops inlining in a body that widens two. */
  static void f16(
      MemorySegment w,
      long at,
      long stride,
      long far,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      float[] t) {
    for (int r = 0; r < 4 * rows; r++) {
      long q = at + (r >> 2) * stride + (r & 3) * far;
      long e = xAt;
      long end = xAt + 4L * (k - left(ScalarType.F16, k));
      FloatVector s = FloatVector.zero(F);
      while (e != end) {
        ShortVector h = ShortVector.fromMemorySegment(H, w, q, LE);
        for (int p = 0; p < H_PARTS; p++) {
          FloatVector v = FloatVector.fromMemorySegment(F, x, e + (long) p * VB, LE);
          s = Convert.f16(h, p).fma(v, s);
        }
        q += 2L * HL;
        e += 4L * HL;
      }
      s.intoArray(t, L * r);
    }
  }
}

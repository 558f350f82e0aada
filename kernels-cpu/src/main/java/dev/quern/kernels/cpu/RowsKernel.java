package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.L;
import static dev.quern.kernels.cpu.Simd.LE;
import static dev.quern.kernels.cpu.Simd.VB;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The innermost loop of {@link RowsTask}: T[r, i] += W[r, k] · x[i, k] for rows of weights and 8
 * rows of x; the lanes of T are summed by the caller.
 *
 * <p>W: rows where they lie, {@code far} bytes apart. x: packed, a vector of each of the 8 rows for
 * the first L elements of k, then for the next. T: in an array, 8 vectors for a row of W, rows
 * {@code step} floats apart.
 *
 * <p>Tile size: 3 × 8 keeps 24 sums, 3 vectors of weights and 1 of x in 32 registers: 11 loads for
 * 24 multiply-adds, and no broadcast.
 */
final class RowsKernel {
  /** Rows of weights in a tile. */
  static final int W_ROWS = 3;

  /** Rows of x in a tile. */
  static final int X_ROWS = 8;

  private RowsKernel() {}

  /** Adds three rows. */
  static void three(
      int vectors,
      MemorySegment w,
      long from,
      long far,
      MemorySegment x,
      long at,
      float[] t,
      int to,
      int step) {
    FloatVector s00 = FloatVector.fromArray(F, t, to);
    FloatVector s01 = FloatVector.fromArray(F, t, to + L);
    FloatVector s02 = FloatVector.fromArray(F, t, to + 2 * L);
    FloatVector s03 = FloatVector.fromArray(F, t, to + 3 * L);
    FloatVector s04 = FloatVector.fromArray(F, t, to + 4 * L);
    FloatVector s05 = FloatVector.fromArray(F, t, to + 5 * L);
    FloatVector s06 = FloatVector.fromArray(F, t, to + 6 * L);
    FloatVector s07 = FloatVector.fromArray(F, t, to + 7 * L);
    FloatVector s10 = FloatVector.fromArray(F, t, to + step);
    FloatVector s11 = FloatVector.fromArray(F, t, to + step + L);
    FloatVector s12 = FloatVector.fromArray(F, t, to + step + 2 * L);
    FloatVector s13 = FloatVector.fromArray(F, t, to + step + 3 * L);
    FloatVector s14 = FloatVector.fromArray(F, t, to + step + 4 * L);
    FloatVector s15 = FloatVector.fromArray(F, t, to + step + 5 * L);
    FloatVector s16 = FloatVector.fromArray(F, t, to + step + 6 * L);
    FloatVector s17 = FloatVector.fromArray(F, t, to + step + 7 * L);
    FloatVector s20 = FloatVector.fromArray(F, t, to + 2 * step);
    FloatVector s21 = FloatVector.fromArray(F, t, to + 2 * step + L);
    FloatVector s22 = FloatVector.fromArray(F, t, to + 2 * step + 2 * L);
    FloatVector s23 = FloatVector.fromArray(F, t, to + 2 * step + 3 * L);
    FloatVector s24 = FloatVector.fromArray(F, t, to + 2 * step + 4 * L);
    FloatVector s25 = FloatVector.fromArray(F, t, to + 2 * step + 5 * L);
    FloatVector s26 = FloatVector.fromArray(F, t, to + 2 * step + 6 * L);
    FloatVector s27 = FloatVector.fromArray(F, t, to + 2 * step + 7 * L);
    for (int k = 0; k < vectors; k++) {
      long q = from + (long) k * VB;
      long e = at + (long) k * (8L * VB);
      FloatVector w0 = FloatVector.fromMemorySegment(F, w, q, LE);
      FloatVector w1 = FloatVector.fromMemorySegment(F, w, q + far, LE);
      FloatVector w2 = FloatVector.fromMemorySegment(F, w, q + 2 * far, LE);
      FloatVector v = FloatVector.fromMemorySegment(F, x, e, LE);
      s00 = v.fma(w0, s00);
      s10 = v.fma(w1, s10);
      s20 = v.fma(w2, s20);
      v = FloatVector.fromMemorySegment(F, x, e + VB, LE);
      s01 = v.fma(w0, s01);
      s11 = v.fma(w1, s11);
      s21 = v.fma(w2, s21);
      v = FloatVector.fromMemorySegment(F, x, e + 2L * VB, LE);
      s02 = v.fma(w0, s02);
      s12 = v.fma(w1, s12);
      s22 = v.fma(w2, s22);
      v = FloatVector.fromMemorySegment(F, x, e + 3L * VB, LE);
      s03 = v.fma(w0, s03);
      s13 = v.fma(w1, s13);
      s23 = v.fma(w2, s23);
      v = FloatVector.fromMemorySegment(F, x, e + 4L * VB, LE);
      s04 = v.fma(w0, s04);
      s14 = v.fma(w1, s14);
      s24 = v.fma(w2, s24);
      v = FloatVector.fromMemorySegment(F, x, e + 5L * VB, LE);
      s05 = v.fma(w0, s05);
      s15 = v.fma(w1, s15);
      s25 = v.fma(w2, s25);
      v = FloatVector.fromMemorySegment(F, x, e + 6L * VB, LE);
      s06 = v.fma(w0, s06);
      s16 = v.fma(w1, s16);
      s26 = v.fma(w2, s26);
      v = FloatVector.fromMemorySegment(F, x, e + 7L * VB, LE);
      s07 = v.fma(w0, s07);
      s17 = v.fma(w1, s17);
      s27 = v.fma(w2, s27);
    }
    s00.intoArray(t, to);
    s01.intoArray(t, to + L);
    s02.intoArray(t, to + 2 * L);
    s03.intoArray(t, to + 3 * L);
    s04.intoArray(t, to + 4 * L);
    s05.intoArray(t, to + 5 * L);
    s06.intoArray(t, to + 6 * L);
    s07.intoArray(t, to + 7 * L);
    s10.intoArray(t, to + step);
    s11.intoArray(t, to + step + L);
    s12.intoArray(t, to + step + 2 * L);
    s13.intoArray(t, to + step + 3 * L);
    s14.intoArray(t, to + step + 4 * L);
    s15.intoArray(t, to + step + 5 * L);
    s16.intoArray(t, to + step + 6 * L);
    s17.intoArray(t, to + step + 7 * L);
    s20.intoArray(t, to + 2 * step);
    s21.intoArray(t, to + 2 * step + L);
    s22.intoArray(t, to + 2 * step + 2 * L);
    s23.intoArray(t, to + 2 * step + 3 * L);
    s24.intoArray(t, to + 2 * step + 4 * L);
    s25.intoArray(t, to + 2 * step + 5 * L);
    s26.intoArray(t, to + 2 * step + 6 * L);
    s27.intoArray(t, to + 2 * step + 7 * L);
  }

  /** Adds one row. */
  static void one(
      int vectors, MemorySegment w, long from, MemorySegment x, long at, float[] t, int to) {
    FloatVector s00 = FloatVector.fromArray(F, t, to);
    FloatVector s01 = FloatVector.fromArray(F, t, to + L);
    FloatVector s02 = FloatVector.fromArray(F, t, to + 2 * L);
    FloatVector s03 = FloatVector.fromArray(F, t, to + 3 * L);
    FloatVector s04 = FloatVector.fromArray(F, t, to + 4 * L);
    FloatVector s05 = FloatVector.fromArray(F, t, to + 5 * L);
    FloatVector s06 = FloatVector.fromArray(F, t, to + 6 * L);
    FloatVector s07 = FloatVector.fromArray(F, t, to + 7 * L);
    for (int k = 0; k < vectors; k++) {
      long q = from + (long) k * VB;
      long e = at + (long) k * (8L * VB);
      FloatVector w0 = FloatVector.fromMemorySegment(F, w, q, LE);
      FloatVector v = FloatVector.fromMemorySegment(F, x, e, LE);
      s00 = v.fma(w0, s00);
      v = FloatVector.fromMemorySegment(F, x, e + VB, LE);
      s01 = v.fma(w0, s01);
      v = FloatVector.fromMemorySegment(F, x, e + 2L * VB, LE);
      s02 = v.fma(w0, s02);
      v = FloatVector.fromMemorySegment(F, x, e + 3L * VB, LE);
      s03 = v.fma(w0, s03);
      v = FloatVector.fromMemorySegment(F, x, e + 4L * VB, LE);
      s04 = v.fma(w0, s04);
      v = FloatVector.fromMemorySegment(F, x, e + 5L * VB, LE);
      s05 = v.fma(w0, s05);
      v = FloatVector.fromMemorySegment(F, x, e + 6L * VB, LE);
      s06 = v.fma(w0, s06);
      v = FloatVector.fromMemorySegment(F, x, e + 7L * VB, LE);
      s07 = v.fma(w0, s07);
    }
    s00.intoArray(t, to);
    s01.intoArray(t, to + L);
    s02.intoArray(t, to + 2 * L);
    s03.intoArray(t, to + 3 * L);
    s04.intoArray(t, to + 4 * L);
    s05.intoArray(t, to + 5 * L);
    s06.intoArray(t, to + 6 * L);
    s07.intoArray(t, to + 7 * L);
  }
}

package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.L;
import static dev.quern.kernels.cpu.Simd.LE;
import static dev.quern.kernels.cpu.Simd.VB;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The innermost loop of {@link Gemm}: T[r, c] += Σₖ A[r, k] · B[k, c] for a tile of T that stays in
 * registers while k runs.
 *
 * <p>A: rows of floats in an array, STRIDE apart, read one float at a time into all lanes. B:
 * packed, the tile's columns for k = 0, then for k = 1... T: in an array, row after row.
 *
 * <p>Loop nest: over k: load the columns (1 or 2 vectors); over the rows: broadcast one element of
 * A and multiply-add it to each column vector.
 *
 * <p>Tile size: 12 rows × 2 vectors keeps 24 sums, 2 columns and 1 element in 32 registers; with 16
 * registers (AVX2) 6 × 2. GFLOP/s on one AVX-512 core with B in the second-level cache, one run of
 * 0.3 s each, where multiply-adds alone reach 214: A and T in arrays, B in a segment 177; A and B
 * in segments 148; all in arrays 155; as here but two k in a turn 154; 8 rows × 3 vectors, two k in
 * a turn, 171, with A and B in segments 162. A where it lies, in rows any distance apart, 100: its
 * bounds are checked at each element, so that copying 12 rows pays even for a single block.
 */
final class TileKernel {
  /** Rows of A in a tile. */
  static final int ROWS = 12;

  /** The most vectors of columns in a tile. */
  static final int VECTORS = 2;

  /** Elements of k that one call sums at most. */
  static final int DEPTH = 512;

  /** Floats from row to row of A: a cache line more than a power of two. */
  static final int STRIDE = DEPTH + 16;

  private static final boolean REGISTERS32 =
      F.vectorBitSize() == 512 || !System.getProperty("os.arch").matches("amd64|x86_64|x86");

  private TileKernel() {}

  /**
   * Adds a product of 12 rows to a tile.
   *
   * @param vectors columns of the tile, in vectors: 1 or 2
   * @param kc how many k, at most DEPTH
   * @param a rows of A
   * @param b holds the packed columns
   * @param columns where they start
   * @param t holds the tile
   * @param to where it starts
   */
  static void run(
      int vectors, int kc, float[] a, MemorySegment b, long columns, float[] t, int to) {
    if (REGISTERS32) {
      if (vectors == 2) {
        tile12x2(kc, a, 0, b, columns, t, to);
      } else {
        tile12x1(kc, a, 0, b, columns, t, to);
      }
      return;
    }
    for (int r = 0; r < ROWS; r += 6) {
      if (vectors == 2) {
        tile6x2(kc, a, r * STRIDE, b, columns, t, to + r * 2 * L);
      } else {
        tile6x1(kc, a, r * STRIDE, b, columns, t, to + r * L);
      }
    }
  }

  /** 12 rows × 2 vectors. */
  private static void tile12x2(
      int kc, float[] a, int rows, MemorySegment b, long columns, float[] t, int to) {
    FloatVector c00 = FloatVector.fromArray(F, t, to);
    FloatVector c01 = FloatVector.fromArray(F, t, to + L);
    FloatVector c10 = FloatVector.fromArray(F, t, to + 2 * L);
    FloatVector c11 = FloatVector.fromArray(F, t, to + 3 * L);
    FloatVector c20 = FloatVector.fromArray(F, t, to + 4 * L);
    FloatVector c21 = FloatVector.fromArray(F, t, to + 5 * L);
    FloatVector c30 = FloatVector.fromArray(F, t, to + 6 * L);
    FloatVector c31 = FloatVector.fromArray(F, t, to + 7 * L);
    FloatVector c40 = FloatVector.fromArray(F, t, to + 8 * L);
    FloatVector c41 = FloatVector.fromArray(F, t, to + 9 * L);
    FloatVector c50 = FloatVector.fromArray(F, t, to + 10 * L);
    FloatVector c51 = FloatVector.fromArray(F, t, to + 11 * L);
    FloatVector c60 = FloatVector.fromArray(F, t, to + 12 * L);
    FloatVector c61 = FloatVector.fromArray(F, t, to + 13 * L);
    FloatVector c70 = FloatVector.fromArray(F, t, to + 14 * L);
    FloatVector c71 = FloatVector.fromArray(F, t, to + 15 * L);
    FloatVector c80 = FloatVector.fromArray(F, t, to + 16 * L);
    FloatVector c81 = FloatVector.fromArray(F, t, to + 17 * L);
    FloatVector c90 = FloatVector.fromArray(F, t, to + 18 * L);
    FloatVector c91 = FloatVector.fromArray(F, t, to + 19 * L);
    FloatVector ca0 = FloatVector.fromArray(F, t, to + 20 * L);
    FloatVector ca1 = FloatVector.fromArray(F, t, to + 21 * L);
    FloatVector cb0 = FloatVector.fromArray(F, t, to + 22 * L);
    FloatVector cb1 = FloatVector.fromArray(F, t, to + 23 * L);
    for (int k = 0; k < kc; k++) {
      long p = columns + (long) k * (2L * VB);
      int q = rows + k;
      FloatVector b0 = FloatVector.fromMemorySegment(F, b, p, LE);
      FloatVector b1 = FloatVector.fromMemorySegment(F, b, p + VB, LE);
      FloatVector x = FloatVector.broadcast(F, a[q]);
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      x = FloatVector.broadcast(F, a[q + STRIDE]);
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      x = FloatVector.broadcast(F, a[q + 2 * STRIDE]);
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      x = FloatVector.broadcast(F, a[q + 3 * STRIDE]);
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      x = FloatVector.broadcast(F, a[q + 4 * STRIDE]);
      c40 = x.fma(b0, c40);
      c41 = x.fma(b1, c41);
      x = FloatVector.broadcast(F, a[q + 5 * STRIDE]);
      c50 = x.fma(b0, c50);
      c51 = x.fma(b1, c51);
      x = FloatVector.broadcast(F, a[q + 6 * STRIDE]);
      c60 = x.fma(b0, c60);
      c61 = x.fma(b1, c61);
      x = FloatVector.broadcast(F, a[q + 7 * STRIDE]);
      c70 = x.fma(b0, c70);
      c71 = x.fma(b1, c71);
      x = FloatVector.broadcast(F, a[q + 8 * STRIDE]);
      c80 = x.fma(b0, c80);
      c81 = x.fma(b1, c81);
      x = FloatVector.broadcast(F, a[q + 9 * STRIDE]);
      c90 = x.fma(b0, c90);
      c91 = x.fma(b1, c91);
      x = FloatVector.broadcast(F, a[q + 10 * STRIDE]);
      ca0 = x.fma(b0, ca0);
      ca1 = x.fma(b1, ca1);
      x = FloatVector.broadcast(F, a[q + 11 * STRIDE]);
      cb0 = x.fma(b0, cb0);
      cb1 = x.fma(b1, cb1);
    }
    c00.intoArray(t, to);
    c01.intoArray(t, to + L);
    c10.intoArray(t, to + 2 * L);
    c11.intoArray(t, to + 3 * L);
    c20.intoArray(t, to + 4 * L);
    c21.intoArray(t, to + 5 * L);
    c30.intoArray(t, to + 6 * L);
    c31.intoArray(t, to + 7 * L);
    c40.intoArray(t, to + 8 * L);
    c41.intoArray(t, to + 9 * L);
    c50.intoArray(t, to + 10 * L);
    c51.intoArray(t, to + 11 * L);
    c60.intoArray(t, to + 12 * L);
    c61.intoArray(t, to + 13 * L);
    c70.intoArray(t, to + 14 * L);
    c71.intoArray(t, to + 15 * L);
    c80.intoArray(t, to + 16 * L);
    c81.intoArray(t, to + 17 * L);
    c90.intoArray(t, to + 18 * L);
    c91.intoArray(t, to + 19 * L);
    ca0.intoArray(t, to + 20 * L);
    ca1.intoArray(t, to + 21 * L);
    cb0.intoArray(t, to + 22 * L);
    cb1.intoArray(t, to + 23 * L);
  }

  /** 12 rows × 1 vector. */
  private static void tile12x1(
      int kc, float[] a, int rows, MemorySegment b, long columns, float[] t, int to) {
    FloatVector c00 = FloatVector.fromArray(F, t, to);
    FloatVector c10 = FloatVector.fromArray(F, t, to + L);
    FloatVector c20 = FloatVector.fromArray(F, t, to + 2 * L);
    FloatVector c30 = FloatVector.fromArray(F, t, to + 3 * L);
    FloatVector c40 = FloatVector.fromArray(F, t, to + 4 * L);
    FloatVector c50 = FloatVector.fromArray(F, t, to + 5 * L);
    FloatVector c60 = FloatVector.fromArray(F, t, to + 6 * L);
    FloatVector c70 = FloatVector.fromArray(F, t, to + 7 * L);
    FloatVector c80 = FloatVector.fromArray(F, t, to + 8 * L);
    FloatVector c90 = FloatVector.fromArray(F, t, to + 9 * L);
    FloatVector ca0 = FloatVector.fromArray(F, t, to + 10 * L);
    FloatVector cb0 = FloatVector.fromArray(F, t, to + 11 * L);
    for (int k = 0; k < kc; k++) {
      long p = columns + (long) k * VB;
      int q = rows + k;
      FloatVector b0 = FloatVector.fromMemorySegment(F, b, p, LE);
      FloatVector x = FloatVector.broadcast(F, a[q]);
      c00 = x.fma(b0, c00);
      x = FloatVector.broadcast(F, a[q + STRIDE]);
      c10 = x.fma(b0, c10);
      x = FloatVector.broadcast(F, a[q + 2 * STRIDE]);
      c20 = x.fma(b0, c20);
      x = FloatVector.broadcast(F, a[q + 3 * STRIDE]);
      c30 = x.fma(b0, c30);
      x = FloatVector.broadcast(F, a[q + 4 * STRIDE]);
      c40 = x.fma(b0, c40);
      x = FloatVector.broadcast(F, a[q + 5 * STRIDE]);
      c50 = x.fma(b0, c50);
      x = FloatVector.broadcast(F, a[q + 6 * STRIDE]);
      c60 = x.fma(b0, c60);
      x = FloatVector.broadcast(F, a[q + 7 * STRIDE]);
      c70 = x.fma(b0, c70);
      x = FloatVector.broadcast(F, a[q + 8 * STRIDE]);
      c80 = x.fma(b0, c80);
      x = FloatVector.broadcast(F, a[q + 9 * STRIDE]);
      c90 = x.fma(b0, c90);
      x = FloatVector.broadcast(F, a[q + 10 * STRIDE]);
      ca0 = x.fma(b0, ca0);
      x = FloatVector.broadcast(F, a[q + 11 * STRIDE]);
      cb0 = x.fma(b0, cb0);
    }
    c00.intoArray(t, to);
    c10.intoArray(t, to + L);
    c20.intoArray(t, to + 2 * L);
    c30.intoArray(t, to + 3 * L);
    c40.intoArray(t, to + 4 * L);
    c50.intoArray(t, to + 5 * L);
    c60.intoArray(t, to + 6 * L);
    c70.intoArray(t, to + 7 * L);
    c80.intoArray(t, to + 8 * L);
    c90.intoArray(t, to + 9 * L);
    ca0.intoArray(t, to + 10 * L);
    cb0.intoArray(t, to + 11 * L);
  }

  /** 6 rows × 2 vectors. */
  private static void tile6x2(
      int kc, float[] a, int rows, MemorySegment b, long columns, float[] t, int to) {
    FloatVector c00 = FloatVector.fromArray(F, t, to);
    FloatVector c01 = FloatVector.fromArray(F, t, to + L);
    FloatVector c10 = FloatVector.fromArray(F, t, to + 2 * L);
    FloatVector c11 = FloatVector.fromArray(F, t, to + 3 * L);
    FloatVector c20 = FloatVector.fromArray(F, t, to + 4 * L);
    FloatVector c21 = FloatVector.fromArray(F, t, to + 5 * L);
    FloatVector c30 = FloatVector.fromArray(F, t, to + 6 * L);
    FloatVector c31 = FloatVector.fromArray(F, t, to + 7 * L);
    FloatVector c40 = FloatVector.fromArray(F, t, to + 8 * L);
    FloatVector c41 = FloatVector.fromArray(F, t, to + 9 * L);
    FloatVector c50 = FloatVector.fromArray(F, t, to + 10 * L);
    FloatVector c51 = FloatVector.fromArray(F, t, to + 11 * L);
    for (int k = 0; k < kc; k++) {
      long p = columns + (long) k * (2L * VB);
      int q = rows + k;
      FloatVector b0 = FloatVector.fromMemorySegment(F, b, p, LE);
      FloatVector b1 = FloatVector.fromMemorySegment(F, b, p + VB, LE);
      FloatVector x = FloatVector.broadcast(F, a[q]);
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      x = FloatVector.broadcast(F, a[q + STRIDE]);
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      x = FloatVector.broadcast(F, a[q + 2 * STRIDE]);
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      x = FloatVector.broadcast(F, a[q + 3 * STRIDE]);
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      x = FloatVector.broadcast(F, a[q + 4 * STRIDE]);
      c40 = x.fma(b0, c40);
      c41 = x.fma(b1, c41);
      x = FloatVector.broadcast(F, a[q + 5 * STRIDE]);
      c50 = x.fma(b0, c50);
      c51 = x.fma(b1, c51);
    }
    c00.intoArray(t, to);
    c01.intoArray(t, to + L);
    c10.intoArray(t, to + 2 * L);
    c11.intoArray(t, to + 3 * L);
    c20.intoArray(t, to + 4 * L);
    c21.intoArray(t, to + 5 * L);
    c30.intoArray(t, to + 6 * L);
    c31.intoArray(t, to + 7 * L);
    c40.intoArray(t, to + 8 * L);
    c41.intoArray(t, to + 9 * L);
    c50.intoArray(t, to + 10 * L);
    c51.intoArray(t, to + 11 * L);
  }

  /** 6 rows × 1 vector. */
  private static void tile6x1(
      int kc, float[] a, int rows, MemorySegment b, long columns, float[] t, int to) {
    FloatVector c00 = FloatVector.fromArray(F, t, to);
    FloatVector c10 = FloatVector.fromArray(F, t, to + L);
    FloatVector c20 = FloatVector.fromArray(F, t, to + 2 * L);
    FloatVector c30 = FloatVector.fromArray(F, t, to + 3 * L);
    FloatVector c40 = FloatVector.fromArray(F, t, to + 4 * L);
    FloatVector c50 = FloatVector.fromArray(F, t, to + 5 * L);
    for (int k = 0; k < kc; k++) {
      long p = columns + (long) k * VB;
      int q = rows + k;
      FloatVector b0 = FloatVector.fromMemorySegment(F, b, p, LE);
      FloatVector x = FloatVector.broadcast(F, a[q]);
      c00 = x.fma(b0, c00);
      x = FloatVector.broadcast(F, a[q + STRIDE]);
      c10 = x.fma(b0, c10);
      x = FloatVector.broadcast(F, a[q + 2 * STRIDE]);
      c20 = x.fma(b0, c20);
      x = FloatVector.broadcast(F, a[q + 3 * STRIDE]);
      c30 = x.fma(b0, c30);
      x = FloatVector.broadcast(F, a[q + 4 * STRIDE]);
      c40 = x.fma(b0, c40);
      x = FloatVector.broadcast(F, a[q + 5 * STRIDE]);
      c50 = x.fma(b0, c50);
    }
    c00.intoArray(t, to);
    c10.intoArray(t, to + L);
    c20.intoArray(t, to + 2 * L);
    c30.intoArray(t, to + 3 * L);
    c40.intoArray(t, to + 4 * L);
    c50.intoArray(t, to + 5 * L);
  }
}

package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.VB;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

/**
 * The innermost loop of matrix products: T[r, c] += Σₖ A[r, k] · B[k, c] for a tile of T that stays
 * in registers while k runs.
 *
 * <p>A: rows of floats, ROW_BYTES apart, read one float at a time into all lanes. B: packed, the
 * tile's columns for k = 0, then for k = 1... T: rows of {@code tileStride} bytes.
 *
 * <p>Loop nest: over k: load the columns (1 to 3 vectors); over the rows: broadcast one element of
 * A and multiply-add it to each column vector.
 *
 * <p>Tile size: 8 rows × 3 vectors keeps 24 sums, 3 columns and 1 element in 32 registers: 150
 * GFLOP/s on one AVX-512 core whose C ceiling is 170. With 16 registers (AVX2) 4 × 3. The sums are
 * named locals, and loads and stores call the API directly: a helper method that C2 declines to
 * inline here (it stops at 18,000 nodes) boxes every vector and costs a factor of 30.
 */
final class MicroKernel {
  /** Rows of A in a tile. */
  static final int ROWS = 8;

  /** The most vectors of columns in a tile. */
  static final int VECTORS = 3;

  /** Elements of k that one call sums at most: a panel row of 2 KiB. */
  static final int DEPTH = 512;

  /**
   * Distance between rows of A: a constant, so that addresses need no registers, and a cache line
   * more than a power of two, so that rows don't compete for the same cache sets.
   */
  static final long ROW_BYTES = DEPTH * 4L + 64;

  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final boolean REGISTERS32 =
      F.vectorBitSize() == 512 || !System.getProperty("os.arch").matches("amd64|x86_64|x86");

  private MicroKernel() {}

  /**
   * Adds a product of 8 rows to a tile.
   *
   * @param vectors columns of the tile, in vectors: 1 to 3
   * @param kc how many k, at most DEPTH
   * @param s holds rows and tile
   * @param rows where A's rows start
   * @param p holds the packed columns
   * @param columns where they start
   * @param tile where T starts
   * @param tileStride bytes from one row of T to the next
   */
  static void run(
      int vectors,
      int kc,
      MemorySegment s,
      long rows,
      MemorySegment p,
      long columns,
      long tile,
      long tileStride) {
    if (REGISTERS32) {
      switch (vectors) {
        case 1 -> tile8x1(kc, s, rows, p, columns, tile, tileStride);
        case 2 -> tile8x2(kc, s, rows, p, columns, tile, tileStride);
        default -> tile8x3(kc, s, rows, p, columns, tile, tileStride);
      }
    } else {
      half(vectors, kc, s, rows, p, columns, tile, tileStride);
      half(vectors, kc, s, rows + 4 * ROW_BYTES, p, columns, tile + 4 * tileStride, tileStride);
    }
  }

  private static void half(
      int vectors,
      int kc,
      MemorySegment s,
      long rows,
      MemorySegment p,
      long columns,
      long tile,
      long tileStride) {
    switch (vectors) {
      case 1 -> tile4x1(kc, s, rows, p, columns, tile, tileStride);
      case 2 -> tile4x2(kc, s, rows, p, columns, tile, tileStride);
      default -> tile4x3(kc, s, rows, p, columns, tile, tileStride);
    }
  }

  /** 8 rows × 3 vectors. */
  private static void tile8x3(
      int kc,
      MemorySegment s,
      long rows,
      MemorySegment p,
      long columns,
      long tile,
      long tileStride) {
    FloatVector c00 = FloatVector.fromMemorySegment(F, s, tile, LE);
    FloatVector c01 = FloatVector.fromMemorySegment(F, s, tile + VB, LE);
    FloatVector c02 = FloatVector.fromMemorySegment(F, s, tile + 2L * VB, LE);
    FloatVector c10 = FloatVector.fromMemorySegment(F, s, tile + tileStride, LE);
    FloatVector c11 = FloatVector.fromMemorySegment(F, s, tile + tileStride + VB, LE);
    FloatVector c12 = FloatVector.fromMemorySegment(F, s, tile + tileStride + 2L * VB, LE);
    FloatVector c20 = FloatVector.fromMemorySegment(F, s, tile + 2 * tileStride, LE);
    FloatVector c21 = FloatVector.fromMemorySegment(F, s, tile + 2 * tileStride + VB, LE);
    FloatVector c22 = FloatVector.fromMemorySegment(F, s, tile + 2 * tileStride + 2L * VB, LE);
    FloatVector c30 = FloatVector.fromMemorySegment(F, s, tile + 3 * tileStride, LE);
    FloatVector c31 = FloatVector.fromMemorySegment(F, s, tile + 3 * tileStride + VB, LE);
    FloatVector c32 = FloatVector.fromMemorySegment(F, s, tile + 3 * tileStride + 2L * VB, LE);
    FloatVector c40 = FloatVector.fromMemorySegment(F, s, tile + 4 * tileStride, LE);
    FloatVector c41 = FloatVector.fromMemorySegment(F, s, tile + 4 * tileStride + VB, LE);
    FloatVector c42 = FloatVector.fromMemorySegment(F, s, tile + 4 * tileStride + 2L * VB, LE);
    FloatVector c50 = FloatVector.fromMemorySegment(F, s, tile + 5 * tileStride, LE);
    FloatVector c51 = FloatVector.fromMemorySegment(F, s, tile + 5 * tileStride + VB, LE);
    FloatVector c52 = FloatVector.fromMemorySegment(F, s, tile + 5 * tileStride + 2L * VB, LE);
    FloatVector c60 = FloatVector.fromMemorySegment(F, s, tile + 6 * tileStride, LE);
    FloatVector c61 = FloatVector.fromMemorySegment(F, s, tile + 6 * tileStride + VB, LE);
    FloatVector c62 = FloatVector.fromMemorySegment(F, s, tile + 6 * tileStride + 2L * VB, LE);
    FloatVector c70 = FloatVector.fromMemorySegment(F, s, tile + 7 * tileStride, LE);
    FloatVector c71 = FloatVector.fromMemorySegment(F, s, tile + 7 * tileStride + VB, LE);
    FloatVector c72 = FloatVector.fromMemorySegment(F, s, tile + 7 * tileStride + 2L * VB, LE);
    for (int k = 0; k < kc; k++) {
      long b = columns + (long) k * (3L * VB);
      long a = rows + (long) k * Float.BYTES;
      FloatVector b0 = FloatVector.fromMemorySegment(F, p, b, LE);
      FloatVector b1 = FloatVector.fromMemorySegment(F, p, b + VB, LE);
      FloatVector b2 = FloatVector.fromMemorySegment(F, p, b + 2L * VB, LE);
      FloatVector x = FloatVector.broadcast(F, s.get(F32, a));
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      c02 = x.fma(b2, c02);
      x = FloatVector.broadcast(F, s.get(F32, a + ROW_BYTES));
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      c12 = x.fma(b2, c12);
      x = FloatVector.broadcast(F, s.get(F32, a + 2 * ROW_BYTES));
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      c22 = x.fma(b2, c22);
      x = FloatVector.broadcast(F, s.get(F32, a + 3 * ROW_BYTES));
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      c32 = x.fma(b2, c32);
      x = FloatVector.broadcast(F, s.get(F32, a + 4 * ROW_BYTES));
      c40 = x.fma(b0, c40);
      c41 = x.fma(b1, c41);
      c42 = x.fma(b2, c42);
      x = FloatVector.broadcast(F, s.get(F32, a + 5 * ROW_BYTES));
      c50 = x.fma(b0, c50);
      c51 = x.fma(b1, c51);
      c52 = x.fma(b2, c52);
      x = FloatVector.broadcast(F, s.get(F32, a + 6 * ROW_BYTES));
      c60 = x.fma(b0, c60);
      c61 = x.fma(b1, c61);
      c62 = x.fma(b2, c62);
      x = FloatVector.broadcast(F, s.get(F32, a + 7 * ROW_BYTES));
      c70 = x.fma(b0, c70);
      c71 = x.fma(b1, c71);
      c72 = x.fma(b2, c72);
    }
    c00.intoMemorySegment(s, tile, LE);
    c01.intoMemorySegment(s, tile + VB, LE);
    c02.intoMemorySegment(s, tile + 2L * VB, LE);
    c10.intoMemorySegment(s, tile + tileStride, LE);
    c11.intoMemorySegment(s, tile + tileStride + VB, LE);
    c12.intoMemorySegment(s, tile + tileStride + 2L * VB, LE);
    c20.intoMemorySegment(s, tile + 2 * tileStride, LE);
    c21.intoMemorySegment(s, tile + 2 * tileStride + VB, LE);
    c22.intoMemorySegment(s, tile + 2 * tileStride + 2L * VB, LE);
    c30.intoMemorySegment(s, tile + 3 * tileStride, LE);
    c31.intoMemorySegment(s, tile + 3 * tileStride + VB, LE);
    c32.intoMemorySegment(s, tile + 3 * tileStride + 2L * VB, LE);
    c40.intoMemorySegment(s, tile + 4 * tileStride, LE);
    c41.intoMemorySegment(s, tile + 4 * tileStride + VB, LE);
    c42.intoMemorySegment(s, tile + 4 * tileStride + 2L * VB, LE);
    c50.intoMemorySegment(s, tile + 5 * tileStride, LE);
    c51.intoMemorySegment(s, tile + 5 * tileStride + VB, LE);
    c52.intoMemorySegment(s, tile + 5 * tileStride + 2L * VB, LE);
    c60.intoMemorySegment(s, tile + 6 * tileStride, LE);
    c61.intoMemorySegment(s, tile + 6 * tileStride + VB, LE);
    c62.intoMemorySegment(s, tile + 6 * tileStride + 2L * VB, LE);
    c70.intoMemorySegment(s, tile + 7 * tileStride, LE);
    c71.intoMemorySegment(s, tile + 7 * tileStride + VB, LE);
    c72.intoMemorySegment(s, tile + 7 * tileStride + 2L * VB, LE);
  }

  /** 8 rows × 2 vectors. */
  private static void tile8x2(
      int kc,
      MemorySegment s,
      long rows,
      MemorySegment p,
      long columns,
      long tile,
      long tileStride) {
    FloatVector c00 = FloatVector.fromMemorySegment(F, s, tile, LE);
    FloatVector c01 = FloatVector.fromMemorySegment(F, s, tile + VB, LE);
    FloatVector c10 = FloatVector.fromMemorySegment(F, s, tile + tileStride, LE);
    FloatVector c11 = FloatVector.fromMemorySegment(F, s, tile + tileStride + VB, LE);
    FloatVector c20 = FloatVector.fromMemorySegment(F, s, tile + 2 * tileStride, LE);
    FloatVector c21 = FloatVector.fromMemorySegment(F, s, tile + 2 * tileStride + VB, LE);
    FloatVector c30 = FloatVector.fromMemorySegment(F, s, tile + 3 * tileStride, LE);
    FloatVector c31 = FloatVector.fromMemorySegment(F, s, tile + 3 * tileStride + VB, LE);
    FloatVector c40 = FloatVector.fromMemorySegment(F, s, tile + 4 * tileStride, LE);
    FloatVector c41 = FloatVector.fromMemorySegment(F, s, tile + 4 * tileStride + VB, LE);
    FloatVector c50 = FloatVector.fromMemorySegment(F, s, tile + 5 * tileStride, LE);
    FloatVector c51 = FloatVector.fromMemorySegment(F, s, tile + 5 * tileStride + VB, LE);
    FloatVector c60 = FloatVector.fromMemorySegment(F, s, tile + 6 * tileStride, LE);
    FloatVector c61 = FloatVector.fromMemorySegment(F, s, tile + 6 * tileStride + VB, LE);
    FloatVector c70 = FloatVector.fromMemorySegment(F, s, tile + 7 * tileStride, LE);
    FloatVector c71 = FloatVector.fromMemorySegment(F, s, tile + 7 * tileStride + VB, LE);
    for (int k = 0; k < kc; k++) {
      long b = columns + (long) k * (2L * VB);
      long a = rows + (long) k * Float.BYTES;
      FloatVector b0 = FloatVector.fromMemorySegment(F, p, b, LE);
      FloatVector b1 = FloatVector.fromMemorySegment(F, p, b + VB, LE);
      FloatVector x = FloatVector.broadcast(F, s.get(F32, a));
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      x = FloatVector.broadcast(F, s.get(F32, a + ROW_BYTES));
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      x = FloatVector.broadcast(F, s.get(F32, a + 2 * ROW_BYTES));
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      x = FloatVector.broadcast(F, s.get(F32, a + 3 * ROW_BYTES));
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      x = FloatVector.broadcast(F, s.get(F32, a + 4 * ROW_BYTES));
      c40 = x.fma(b0, c40);
      c41 = x.fma(b1, c41);
      x = FloatVector.broadcast(F, s.get(F32, a + 5 * ROW_BYTES));
      c50 = x.fma(b0, c50);
      c51 = x.fma(b1, c51);
      x = FloatVector.broadcast(F, s.get(F32, a + 6 * ROW_BYTES));
      c60 = x.fma(b0, c60);
      c61 = x.fma(b1, c61);
      x = FloatVector.broadcast(F, s.get(F32, a + 7 * ROW_BYTES));
      c70 = x.fma(b0, c70);
      c71 = x.fma(b1, c71);
    }
    c00.intoMemorySegment(s, tile, LE);
    c01.intoMemorySegment(s, tile + VB, LE);
    c10.intoMemorySegment(s, tile + tileStride, LE);
    c11.intoMemorySegment(s, tile + tileStride + VB, LE);
    c20.intoMemorySegment(s, tile + 2 * tileStride, LE);
    c21.intoMemorySegment(s, tile + 2 * tileStride + VB, LE);
    c30.intoMemorySegment(s, tile + 3 * tileStride, LE);
    c31.intoMemorySegment(s, tile + 3 * tileStride + VB, LE);
    c40.intoMemorySegment(s, tile + 4 * tileStride, LE);
    c41.intoMemorySegment(s, tile + 4 * tileStride + VB, LE);
    c50.intoMemorySegment(s, tile + 5 * tileStride, LE);
    c51.intoMemorySegment(s, tile + 5 * tileStride + VB, LE);
    c60.intoMemorySegment(s, tile + 6 * tileStride, LE);
    c61.intoMemorySegment(s, tile + 6 * tileStride + VB, LE);
    c70.intoMemorySegment(s, tile + 7 * tileStride, LE);
    c71.intoMemorySegment(s, tile + 7 * tileStride + VB, LE);
  }

  /** 8 rows × 1 vectors. */
  private static void tile8x1(
      int kc,
      MemorySegment s,
      long rows,
      MemorySegment p,
      long columns,
      long tile,
      long tileStride) {
    FloatVector c00 = FloatVector.fromMemorySegment(F, s, tile, LE);
    FloatVector c10 = FloatVector.fromMemorySegment(F, s, tile + tileStride, LE);
    FloatVector c20 = FloatVector.fromMemorySegment(F, s, tile + 2 * tileStride, LE);
    FloatVector c30 = FloatVector.fromMemorySegment(F, s, tile + 3 * tileStride, LE);
    FloatVector c40 = FloatVector.fromMemorySegment(F, s, tile + 4 * tileStride, LE);
    FloatVector c50 = FloatVector.fromMemorySegment(F, s, tile + 5 * tileStride, LE);
    FloatVector c60 = FloatVector.fromMemorySegment(F, s, tile + 6 * tileStride, LE);
    FloatVector c70 = FloatVector.fromMemorySegment(F, s, tile + 7 * tileStride, LE);
    for (int k = 0; k < kc; k++) {
      long b = columns + (long) k * VB;
      long a = rows + (long) k * Float.BYTES;
      FloatVector b0 = FloatVector.fromMemorySegment(F, p, b, LE);
      FloatVector x = FloatVector.broadcast(F, s.get(F32, a));
      c00 = x.fma(b0, c00);
      x = FloatVector.broadcast(F, s.get(F32, a + ROW_BYTES));
      c10 = x.fma(b0, c10);
      x = FloatVector.broadcast(F, s.get(F32, a + 2 * ROW_BYTES));
      c20 = x.fma(b0, c20);
      x = FloatVector.broadcast(F, s.get(F32, a + 3 * ROW_BYTES));
      c30 = x.fma(b0, c30);
      x = FloatVector.broadcast(F, s.get(F32, a + 4 * ROW_BYTES));
      c40 = x.fma(b0, c40);
      x = FloatVector.broadcast(F, s.get(F32, a + 5 * ROW_BYTES));
      c50 = x.fma(b0, c50);
      x = FloatVector.broadcast(F, s.get(F32, a + 6 * ROW_BYTES));
      c60 = x.fma(b0, c60);
      x = FloatVector.broadcast(F, s.get(F32, a + 7 * ROW_BYTES));
      c70 = x.fma(b0, c70);
    }
    c00.intoMemorySegment(s, tile, LE);
    c10.intoMemorySegment(s, tile + tileStride, LE);
    c20.intoMemorySegment(s, tile + 2 * tileStride, LE);
    c30.intoMemorySegment(s, tile + 3 * tileStride, LE);
    c40.intoMemorySegment(s, tile + 4 * tileStride, LE);
    c50.intoMemorySegment(s, tile + 5 * tileStride, LE);
    c60.intoMemorySegment(s, tile + 6 * tileStride, LE);
    c70.intoMemorySegment(s, tile + 7 * tileStride, LE);
  }

  /** 4 rows × 3 vectors. */
  private static void tile4x3(
      int kc,
      MemorySegment s,
      long rows,
      MemorySegment p,
      long columns,
      long tile,
      long tileStride) {
    FloatVector c00 = FloatVector.fromMemorySegment(F, s, tile, LE);
    FloatVector c01 = FloatVector.fromMemorySegment(F, s, tile + VB, LE);
    FloatVector c02 = FloatVector.fromMemorySegment(F, s, tile + 2L * VB, LE);
    FloatVector c10 = FloatVector.fromMemorySegment(F, s, tile + tileStride, LE);
    FloatVector c11 = FloatVector.fromMemorySegment(F, s, tile + tileStride + VB, LE);
    FloatVector c12 = FloatVector.fromMemorySegment(F, s, tile + tileStride + 2L * VB, LE);
    FloatVector c20 = FloatVector.fromMemorySegment(F, s, tile + 2 * tileStride, LE);
    FloatVector c21 = FloatVector.fromMemorySegment(F, s, tile + 2 * tileStride + VB, LE);
    FloatVector c22 = FloatVector.fromMemorySegment(F, s, tile + 2 * tileStride + 2L * VB, LE);
    FloatVector c30 = FloatVector.fromMemorySegment(F, s, tile + 3 * tileStride, LE);
    FloatVector c31 = FloatVector.fromMemorySegment(F, s, tile + 3 * tileStride + VB, LE);
    FloatVector c32 = FloatVector.fromMemorySegment(F, s, tile + 3 * tileStride + 2L * VB, LE);
    for (int k = 0; k < kc; k++) {
      long b = columns + (long) k * (3L * VB);
      long a = rows + (long) k * Float.BYTES;
      FloatVector b0 = FloatVector.fromMemorySegment(F, p, b, LE);
      FloatVector b1 = FloatVector.fromMemorySegment(F, p, b + VB, LE);
      FloatVector b2 = FloatVector.fromMemorySegment(F, p, b + 2L * VB, LE);
      FloatVector x = FloatVector.broadcast(F, s.get(F32, a));
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      c02 = x.fma(b2, c02);
      x = FloatVector.broadcast(F, s.get(F32, a + ROW_BYTES));
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      c12 = x.fma(b2, c12);
      x = FloatVector.broadcast(F, s.get(F32, a + 2 * ROW_BYTES));
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      c22 = x.fma(b2, c22);
      x = FloatVector.broadcast(F, s.get(F32, a + 3 * ROW_BYTES));
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      c32 = x.fma(b2, c32);
    }
    c00.intoMemorySegment(s, tile, LE);
    c01.intoMemorySegment(s, tile + VB, LE);
    c02.intoMemorySegment(s, tile + 2L * VB, LE);
    c10.intoMemorySegment(s, tile + tileStride, LE);
    c11.intoMemorySegment(s, tile + tileStride + VB, LE);
    c12.intoMemorySegment(s, tile + tileStride + 2L * VB, LE);
    c20.intoMemorySegment(s, tile + 2 * tileStride, LE);
    c21.intoMemorySegment(s, tile + 2 * tileStride + VB, LE);
    c22.intoMemorySegment(s, tile + 2 * tileStride + 2L * VB, LE);
    c30.intoMemorySegment(s, tile + 3 * tileStride, LE);
    c31.intoMemorySegment(s, tile + 3 * tileStride + VB, LE);
    c32.intoMemorySegment(s, tile + 3 * tileStride + 2L * VB, LE);
  }

  /** 4 rows × 2 vectors. */
  private static void tile4x2(
      int kc,
      MemorySegment s,
      long rows,
      MemorySegment p,
      long columns,
      long tile,
      long tileStride) {
    FloatVector c00 = FloatVector.fromMemorySegment(F, s, tile, LE);
    FloatVector c01 = FloatVector.fromMemorySegment(F, s, tile + VB, LE);
    FloatVector c10 = FloatVector.fromMemorySegment(F, s, tile + tileStride, LE);
    FloatVector c11 = FloatVector.fromMemorySegment(F, s, tile + tileStride + VB, LE);
    FloatVector c20 = FloatVector.fromMemorySegment(F, s, tile + 2 * tileStride, LE);
    FloatVector c21 = FloatVector.fromMemorySegment(F, s, tile + 2 * tileStride + VB, LE);
    FloatVector c30 = FloatVector.fromMemorySegment(F, s, tile + 3 * tileStride, LE);
    FloatVector c31 = FloatVector.fromMemorySegment(F, s, tile + 3 * tileStride + VB, LE);
    for (int k = 0; k < kc; k++) {
      long b = columns + (long) k * (2L * VB);
      long a = rows + (long) k * Float.BYTES;
      FloatVector b0 = FloatVector.fromMemorySegment(F, p, b, LE);
      FloatVector b1 = FloatVector.fromMemorySegment(F, p, b + VB, LE);
      FloatVector x = FloatVector.broadcast(F, s.get(F32, a));
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      x = FloatVector.broadcast(F, s.get(F32, a + ROW_BYTES));
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      x = FloatVector.broadcast(F, s.get(F32, a + 2 * ROW_BYTES));
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      x = FloatVector.broadcast(F, s.get(F32, a + 3 * ROW_BYTES));
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
    }
    c00.intoMemorySegment(s, tile, LE);
    c01.intoMemorySegment(s, tile + VB, LE);
    c10.intoMemorySegment(s, tile + tileStride, LE);
    c11.intoMemorySegment(s, tile + tileStride + VB, LE);
    c20.intoMemorySegment(s, tile + 2 * tileStride, LE);
    c21.intoMemorySegment(s, tile + 2 * tileStride + VB, LE);
    c30.intoMemorySegment(s, tile + 3 * tileStride, LE);
    c31.intoMemorySegment(s, tile + 3 * tileStride + VB, LE);
  }

  /** 4 rows × 1 vectors. */
  private static void tile4x1(
      int kc,
      MemorySegment s,
      long rows,
      MemorySegment p,
      long columns,
      long tile,
      long tileStride) {
    FloatVector c00 = FloatVector.fromMemorySegment(F, s, tile, LE);
    FloatVector c10 = FloatVector.fromMemorySegment(F, s, tile + tileStride, LE);
    FloatVector c20 = FloatVector.fromMemorySegment(F, s, tile + 2 * tileStride, LE);
    FloatVector c30 = FloatVector.fromMemorySegment(F, s, tile + 3 * tileStride, LE);
    for (int k = 0; k < kc; k++) {
      long b = columns + (long) k * VB;
      long a = rows + (long) k * Float.BYTES;
      FloatVector b0 = FloatVector.fromMemorySegment(F, p, b, LE);
      FloatVector x = FloatVector.broadcast(F, s.get(F32, a));
      c00 = x.fma(b0, c00);
      x = FloatVector.broadcast(F, s.get(F32, a + ROW_BYTES));
      c10 = x.fma(b0, c10);
      x = FloatVector.broadcast(F, s.get(F32, a + 2 * ROW_BYTES));
      c20 = x.fma(b0, c20);
      x = FloatVector.broadcast(F, s.get(F32, a + 3 * ROW_BYTES));
      c30 = x.fma(b0, c30);
    }
    c00.intoMemorySegment(s, tile, LE);
    c10.intoMemorySegment(s, tile + tileStride, LE);
    c20.intoMemorySegment(s, tile + 2 * tileStride, LE);
    c30.intoMemorySegment(s, tile + 3 * tileStride, LE);
  }
}

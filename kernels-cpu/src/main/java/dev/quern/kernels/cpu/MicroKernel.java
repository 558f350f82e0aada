package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.L;
import static dev.quern.kernels.cpu.Simd.VB;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
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
 * <p>Tile size: 8 rows × 3 vectors keeps 24 sums, 3 columns and 1 element in 32 registers. Two k in
 * one turn share its addresses, bounds and end: 164 GFLOP/s on one AVX-512 core from its caches,
 * against 152 with one k, where multiply-adds alone reach 214. With 16 registers (AVX2) 4 × 3. The
 * sums are named locals, and loads and stores call the API directly: a helper method that C2
 * declines to inline here (it stops at 18,000 nodes) boxes every vector and costs a factor of 30.
 * The tile is written to an array and added to its place in another method: with loads and stores
 * of segments for all 24 sums C1 runs out of virtual registers, and a method that it gives up on
 * after a first simple compilation never reaches C2 at all.
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

  /** The sums of a tile, rows of vectors. In the heap: {@code intoArray} is cheap to compile. */
  private final float[] sums = new float[ROWS * VECTORS * L];

  private MicroKernel() {}

  /** As many kernels as slices can be under way at once. */
  static MicroKernel[] of(Slots slots) {
    MicroKernel[] all = new MicroKernel[slots.count()];
    Arrays.setAll(all, i -> new MicroKernel());
    return all;
  }

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
  void run(
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
        case 1 -> tile8x1(kc, s, rows, p, columns, sums);
        case 2 -> tile8x2(kc, s, rows, p, columns, sums);
        default -> tile8x3(kc, s, rows, p, columns, sums);
      }
      add(8, vectors, s, tile, tileStride);
      if (vectors == 3 && kc % 2 != 0) {
        last(s, rows + 4L * (kc - 1), p, columns + 3L * VB * (kc - 1), tile, tileStride);
      }
    } else {
      half(vectors, kc, s, rows, p, columns);
      add(4, vectors, s, tile, tileStride);
      half(vectors, kc, s, rows + 4 * ROW_BYTES, p, columns);
      add(4, vectors, s, tile + 4 * tileStride, tileStride);
    }
  }

  /** Adds the product of one k to a tile of 8 rows × 3 vectors. */
  private static void last(
      MemorySegment s, long rows, MemorySegment p, long columns, long tile, long tileStride) {
    for (int r = 0; r < ROWS; r++) {
      FloatVector x = FloatVector.broadcast(F, s.get(F32, rows + r * ROW_BYTES));
      for (int c = 0; c < 3; c++) {
        long at = tile + r * tileStride + (long) c * VB;
        FloatVector b = FloatVector.fromMemorySegment(F, p, columns + (long) c * VB, LE);
        x.fma(b, FloatVector.fromMemorySegment(F, s, at, LE)).intoMemorySegment(s, at, LE);
      }
    }
  }

  private void half(
      int vectors, int kc, MemorySegment s, long rows, MemorySegment p, long columns) {
    switch (vectors) {
      case 1 -> tile4x1(kc, s, rows, p, columns, sums);
      case 2 -> tile4x2(kc, s, rows, p, columns, sums);
      default -> tile4x3(kc, s, rows, p, columns, sums);
    }
  }

  private void add(int rows, int vectors, MemorySegment s, long tile, long tileStride) {
    int width = vectors * L;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < width; c += L) {
        FloatVector x = FloatVector.fromArray(F, sums, r * width + c);
        long at = tile + r * tileStride + c * 4L;
        FloatVector.fromMemorySegment(F, s, at, LE).add(x).intoMemorySegment(s, at, LE);
      }
    }
  }

  /** 8 rows × 3 vectors, two k at a time: without the last k if kc is odd. */
  private static void tile8x3(
      int kc, MemorySegment s, long rows, MemorySegment p, long columns, float[] t) {
    FloatVector c00 = FloatVector.zero(F);
    FloatVector c01 = FloatVector.zero(F);
    FloatVector c02 = FloatVector.zero(F);
    FloatVector c10 = FloatVector.zero(F);
    FloatVector c11 = FloatVector.zero(F);
    FloatVector c12 = FloatVector.zero(F);
    FloatVector c20 = FloatVector.zero(F);
    FloatVector c21 = FloatVector.zero(F);
    FloatVector c22 = FloatVector.zero(F);
    FloatVector c30 = FloatVector.zero(F);
    FloatVector c31 = FloatVector.zero(F);
    FloatVector c32 = FloatVector.zero(F);
    FloatVector c40 = FloatVector.zero(F);
    FloatVector c41 = FloatVector.zero(F);
    FloatVector c42 = FloatVector.zero(F);
    FloatVector c50 = FloatVector.zero(F);
    FloatVector c51 = FloatVector.zero(F);
    FloatVector c52 = FloatVector.zero(F);
    FloatVector c60 = FloatVector.zero(F);
    FloatVector c61 = FloatVector.zero(F);
    FloatVector c62 = FloatVector.zero(F);
    FloatVector c70 = FloatVector.zero(F);
    FloatVector c71 = FloatVector.zero(F);
    FloatVector c72 = FloatVector.zero(F);
    for (int k = 0; k < kc - 1; k += 2) {
      long b = columns + (long) k * (3L * VB);
      long a = rows + (long) k * Float.BYTES;
      FloatVector b0;
      FloatVector b1;
      FloatVector b2;
      FloatVector x;
      b0 = FloatVector.fromMemorySegment(F, p, b, LE);
      b1 = FloatVector.fromMemorySegment(F, p, b + VB, LE);
      b2 = FloatVector.fromMemorySegment(F, p, b + 2L * VB, LE);
      x = FloatVector.broadcast(F, s.get(F32, a));
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
      b0 = FloatVector.fromMemorySegment(F, p, b + 3L * VB, LE);
      b1 = FloatVector.fromMemorySegment(F, p, b + 4L * VB, LE);
      b2 = FloatVector.fromMemorySegment(F, p, b + 5L * VB, LE);
      x = FloatVector.broadcast(F, s.get(F32, a + 4));
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      c02 = x.fma(b2, c02);
      x = FloatVector.broadcast(F, s.get(F32, a + ROW_BYTES + 4));
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      c12 = x.fma(b2, c12);
      x = FloatVector.broadcast(F, s.get(F32, a + 2 * ROW_BYTES + 4));
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      c22 = x.fma(b2, c22);
      x = FloatVector.broadcast(F, s.get(F32, a + 3 * ROW_BYTES + 4));
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      c32 = x.fma(b2, c32);
      x = FloatVector.broadcast(F, s.get(F32, a + 4 * ROW_BYTES + 4));
      c40 = x.fma(b0, c40);
      c41 = x.fma(b1, c41);
      c42 = x.fma(b2, c42);
      x = FloatVector.broadcast(F, s.get(F32, a + 5 * ROW_BYTES + 4));
      c50 = x.fma(b0, c50);
      c51 = x.fma(b1, c51);
      c52 = x.fma(b2, c52);
      x = FloatVector.broadcast(F, s.get(F32, a + 6 * ROW_BYTES + 4));
      c60 = x.fma(b0, c60);
      c61 = x.fma(b1, c61);
      c62 = x.fma(b2, c62);
      x = FloatVector.broadcast(F, s.get(F32, a + 7 * ROW_BYTES + 4));
      c70 = x.fma(b0, c70);
      c71 = x.fma(b1, c71);
      c72 = x.fma(b2, c72);
    }
    c00.intoArray(t, 0);
    c01.intoArray(t, L);
    c02.intoArray(t, 2 * L);
    c10.intoArray(t, 3 * L);
    c11.intoArray(t, 4 * L);
    c12.intoArray(t, 5 * L);
    c20.intoArray(t, 6 * L);
    c21.intoArray(t, 7 * L);
    c22.intoArray(t, 8 * L);
    c30.intoArray(t, 9 * L);
    c31.intoArray(t, 10 * L);
    c32.intoArray(t, 11 * L);
    c40.intoArray(t, 12 * L);
    c41.intoArray(t, 13 * L);
    c42.intoArray(t, 14 * L);
    c50.intoArray(t, 15 * L);
    c51.intoArray(t, 16 * L);
    c52.intoArray(t, 17 * L);
    c60.intoArray(t, 18 * L);
    c61.intoArray(t, 19 * L);
    c62.intoArray(t, 20 * L);
    c70.intoArray(t, 21 * L);
    c71.intoArray(t, 22 * L);
    c72.intoArray(t, 23 * L);
  }

  /** 8 rows × 2 vectors. */
  private static void tile8x2(
      int kc, MemorySegment s, long rows, MemorySegment p, long columns, float[] t) {
    FloatVector c00 = FloatVector.zero(F);
    FloatVector c01 = FloatVector.zero(F);
    FloatVector c10 = FloatVector.zero(F);
    FloatVector c11 = FloatVector.zero(F);
    FloatVector c20 = FloatVector.zero(F);
    FloatVector c21 = FloatVector.zero(F);
    FloatVector c30 = FloatVector.zero(F);
    FloatVector c31 = FloatVector.zero(F);
    FloatVector c40 = FloatVector.zero(F);
    FloatVector c41 = FloatVector.zero(F);
    FloatVector c50 = FloatVector.zero(F);
    FloatVector c51 = FloatVector.zero(F);
    FloatVector c60 = FloatVector.zero(F);
    FloatVector c61 = FloatVector.zero(F);
    FloatVector c70 = FloatVector.zero(F);
    FloatVector c71 = FloatVector.zero(F);
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
    c00.intoArray(t, 0);
    c01.intoArray(t, L);
    c10.intoArray(t, 2 * L);
    c11.intoArray(t, 3 * L);
    c20.intoArray(t, 4 * L);
    c21.intoArray(t, 5 * L);
    c30.intoArray(t, 6 * L);
    c31.intoArray(t, 7 * L);
    c40.intoArray(t, 8 * L);
    c41.intoArray(t, 9 * L);
    c50.intoArray(t, 10 * L);
    c51.intoArray(t, 11 * L);
    c60.intoArray(t, 12 * L);
    c61.intoArray(t, 13 * L);
    c70.intoArray(t, 14 * L);
    c71.intoArray(t, 15 * L);
  }

  /** 8 rows × 1 vectors. */
  private static void tile8x1(
      int kc, MemorySegment s, long rows, MemorySegment p, long columns, float[] t) {
    FloatVector c00 = FloatVector.zero(F);
    FloatVector c10 = FloatVector.zero(F);
    FloatVector c20 = FloatVector.zero(F);
    FloatVector c30 = FloatVector.zero(F);
    FloatVector c40 = FloatVector.zero(F);
    FloatVector c50 = FloatVector.zero(F);
    FloatVector c60 = FloatVector.zero(F);
    FloatVector c70 = FloatVector.zero(F);
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
    c00.intoArray(t, 0);
    c10.intoArray(t, L);
    c20.intoArray(t, 2 * L);
    c30.intoArray(t, 3 * L);
    c40.intoArray(t, 4 * L);
    c50.intoArray(t, 5 * L);
    c60.intoArray(t, 6 * L);
    c70.intoArray(t, 7 * L);
  }

  /** 4 rows × 3 vectors. */
  private static void tile4x3(
      int kc, MemorySegment s, long rows, MemorySegment p, long columns, float[] t) {
    FloatVector c00 = FloatVector.zero(F);
    FloatVector c01 = FloatVector.zero(F);
    FloatVector c02 = FloatVector.zero(F);
    FloatVector c10 = FloatVector.zero(F);
    FloatVector c11 = FloatVector.zero(F);
    FloatVector c12 = FloatVector.zero(F);
    FloatVector c20 = FloatVector.zero(F);
    FloatVector c21 = FloatVector.zero(F);
    FloatVector c22 = FloatVector.zero(F);
    FloatVector c30 = FloatVector.zero(F);
    FloatVector c31 = FloatVector.zero(F);
    FloatVector c32 = FloatVector.zero(F);
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
    c00.intoArray(t, 0);
    c01.intoArray(t, L);
    c02.intoArray(t, 2 * L);
    c10.intoArray(t, 3 * L);
    c11.intoArray(t, 4 * L);
    c12.intoArray(t, 5 * L);
    c20.intoArray(t, 6 * L);
    c21.intoArray(t, 7 * L);
    c22.intoArray(t, 8 * L);
    c30.intoArray(t, 9 * L);
    c31.intoArray(t, 10 * L);
    c32.intoArray(t, 11 * L);
  }

  /** 4 rows × 2 vectors. */
  private static void tile4x2(
      int kc, MemorySegment s, long rows, MemorySegment p, long columns, float[] t) {
    FloatVector c00 = FloatVector.zero(F);
    FloatVector c01 = FloatVector.zero(F);
    FloatVector c10 = FloatVector.zero(F);
    FloatVector c11 = FloatVector.zero(F);
    FloatVector c20 = FloatVector.zero(F);
    FloatVector c21 = FloatVector.zero(F);
    FloatVector c30 = FloatVector.zero(F);
    FloatVector c31 = FloatVector.zero(F);
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
    c00.intoArray(t, 0);
    c01.intoArray(t, L);
    c10.intoArray(t, 2 * L);
    c11.intoArray(t, 3 * L);
    c20.intoArray(t, 4 * L);
    c21.intoArray(t, 5 * L);
    c30.intoArray(t, 6 * L);
    c31.intoArray(t, 7 * L);
  }

  /** 4 rows × 1 vectors. */
  private static void tile4x1(
      int kc, MemorySegment s, long rows, MemorySegment p, long columns, float[] t) {
    FloatVector c00 = FloatVector.zero(F);
    FloatVector c10 = FloatVector.zero(F);
    FloatVector c20 = FloatVector.zero(F);
    FloatVector c30 = FloatVector.zero(F);
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
    c00.intoArray(t, 0);
    c10.intoArray(t, L);
    c20.intoArray(t, 2 * L);
    c30.intoArray(t, 3 * L);
  }
}

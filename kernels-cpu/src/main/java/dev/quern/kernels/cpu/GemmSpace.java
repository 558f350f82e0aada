package dev.quern.kernels.cpu;

import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * The heap arrays in which one slice of a {@link Gemm} computes. The micro-kernel is faster over
 * them than over segments: see {@link TileKernel}.
 *
 * <p>Slices borrow them: there are as many as slices have ever run at once, whatever the number of
 * products that are bound. What an array holds never outlives its slice.
 */
final class GemmSpace {
  private static final int MOST = 64;
  private static final AtomicReferenceArray<GemmSpace> FREE = new AtomicReferenceArray<>(MOST);

  /** Rows of the left operand, {@link TileKernel#STRIDE} apart. */
  final float[] rows = new float[TileKernel.ROWS * TileKernel.STRIDE];

  /** Tiles of sums: for each block of columns those of all rows. */
  final float[] sums = new float[Gemm.PANEL * Gemm.COLUMNS];

  /** A piece of a block's lines, {@link Gemm#LINE_STRIDE} apart. */
  final float[] lines = new float[Gemm.BLOCK * Gemm.LINE_STRIDE];

  /** The same piece, step by step. */
  final float[] steps = new float[Gemm.PACK_STEPS * Gemm.BLOCK];

  /** A block's columns of results, {@link Gemm#COLUMN_STRIDE} apart; or one row of results. */
  final float[] columns = new float[Gemm.BLOCK * Gemm.COLUMN_STRIDE];

  private GemmSpace() {}

  /** One that nobody uses. */
  static GemmSpace take() {
    for (int i = 0; i < MOST; i++) {
      if (FREE.getPlain(i) != null) {
        GemmSpace space = FREE.getAndSet(i, null);
        if (space != null) {
          return space;
        }
      }
    }
    return new GemmSpace();
  }

  /** Gives it back; beyond the most that are kept it is left to the collector. */
  void give() {
    for (int i = 0; i < MOST; i++) {
      if (FREE.getPlain(i) == null && FREE.compareAndSet(i, null, this)) {
        return;
      }
    }
  }
}

package dev.quern.kernels.cpu;

import dev.quern.core.type.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Dot products of rows of any type that {@link Unpack} knows with one F32 x: pieces of four rows
 * are unpacked to F32 in the first-level cache ({@value #PIECE} elements, 8 KiB for the four),
 * where {@link DotFloats} meets them.
 *
 * <p>Loop: over the rows; over k by pieces; the four rows. The lanes of a piece are added to the
 * row's.
 */
final class DotUnpacked {
  private static final int PIECE = 512;
  private static final long PIECE_BYTES = 4L * PIECE;

  private final MemorySegment piece = Arena.ofAuto().allocate(4 * PIECE_BYTES, 64);
  private final float[] part = new float[4 * Simd.L];

  /** As {@link DotFloats#f32}, for a row of {@code type}. */
  void run(
      DType type,
      MemorySegment w,
      long at,
      long stride,
      long far,
      int rows,
      MemorySegment x,
      long xAt,
      int k,
      float[] t) {
    int lanes = part.length;
    for (int r = 0; r < rows; r++) {
      Arrays.fill(t, r * lanes, (r + 1) * lanes, 0);
      for (int p = 0; p < k; p += PIECE) {
        int n = Math.min(PIECE, k - p);
        long q = at + r * stride + type.bytes(p);
        for (int i = 0; i < 4; i++) {
          Unpack.run(type, w, q + i * far, piece, i * PIECE_BYTES, n);
        }
        DotFloats.f32(piece, 0, 0, PIECE_BYTES, 1, x, xAt + 4L * p, n, part);
        for (int i = 0; i < lanes; i++) {
          t[r * lanes + i] += part[i];
        }
      }
    }
  }
}

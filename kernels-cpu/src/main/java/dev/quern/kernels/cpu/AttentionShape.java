package dev.quern.kernels.cpu;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Shape;
import java.util.List;

/**
 * The extents of an attention call, how it is cut, and how a slice's working memory is laid out.
 *
 * <p>A slice is a block of queries of all heads that share keys: up to 128 rows, so that packing a
 * key costs little against what it is used for.
 *
 * @param batch sequences
 * @param tq queries
 * @param heads query heads
 * @param d extent of a query and key
 * @param tk keys
 * @param kvHeads key heads
 * @param dv extent of a value
 */
record AttentionShape(int batch, int tq, int heads, int d, int tk, int kvHeads, int dv) {
  /** Keys in a tile. */
  static final int KEYS = 8 * Math.max(16, Simd.L);

  private static final int ROWS = 128;
  private static final int FEW = 16;

  static AttentionShape of(List<TensorView> in) {
    Shape q = in.get(0).shape();
    Shape k = in.get(1).shape();
    return new AttentionShape(
        Math.toIntExact(q.dim(0)),
        Math.toIntExact(q.dim(1)),
        Math.toIntExact(q.dim(2)),
        Math.toIntExact(q.dim(3)),
        Math.toIntExact(k.dim(1)),
        Math.toIntExact(k.dim(2)),
        Math.toIntExact(in.get(2).shape().dim(3)));
  }

  /** Query heads for one key head. */
  int group() {
    return heads / kvHeads;
  }

  /** Queries in a slice. */
  int queries() {
    return Math.max(1, Math.min(tq, ROWS / group()));
  }

  int queryBlocks() {
    return Math.ceilDiv(tq, queries());
  }

  int slices() {
    return Math.max(1, batch * kvHeads * queryBlocks());
  }

  /** Rows of a slice, filled up to whole tiles of the micro-kernel. */
  int rows() {
    return Math.ceilDiv(queries() * group(), MicroKernel.ROWS) * MicroKernel.ROWS;
  }

  /** Whether dot products beat packing the keys. */
  boolean few() {
    return queries() * group() <= FEW || d > MicroKernel.DEPTH;
  }

  /** Bytes from one query row to the next. */
  long queryStride() {
    return few() ? padded(d) * 4L + 64 : MicroKernel.ROW_BYTES;
  }

  /** Bytes from one row of sums to the next. */
  long sumStride() {
    return padded(dv) * 4L + 64;
  }

  /** Up to whole vectors. */
  static int padded(int n) {
    return Math.ceilDiv(n, Simd.L) * Simd.L;
  }

  long scoresAt() {
    return rows() * queryStride();
  }

  long sumsAt() {
    return scoresAt() + rows() * MicroKernel.ROW_BYTES;
  }

  /** Largest score and sum of each row. */
  long statesAt() {
    return sumsAt() + rows() * sumStride();
  }

  /** A tile of keys or values, packed or as rows. */
  long tileAt() {
    return statesAt() + rows() * 8L + 64;
  }

  /** A row of a mask, or of a key before it is packed. */
  long lineAt() {
    return tileAt() + KEYS * (long) Math.max(padded(d), padded(dv)) * 4;
  }

  /** Room for a row of scores. */
  long spareAt() {
    return lineAt() + 4L * Math.max(KEYS, Math.max(padded(d), padded(dv)));
  }

  long slotBytes() {
    return Math.ceilDiv(spareAt() + 4L * KEYS, 64) * 64;
  }

  long scratchBytes() {
    return Slots.bytes(slotBytes(), slices());
  }
}

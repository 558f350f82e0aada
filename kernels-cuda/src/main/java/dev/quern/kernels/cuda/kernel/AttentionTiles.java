package dev.quern.kernels.cuda.kernel;

import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.Arrays;

/**
 * How the tensor cores' kernels cut a call: {@code attention_mma.cu} many queries, {@code
 * attention_grad_mma.cu} gradients.
 *
 * @param depth columns of a tile, which queries, keys and values are padded to: 64, 96, 128 or 256
 * @param blocks for each sequence and key head
 * @param sharedBytes of a block
 */
record AttentionTiles(int depth, int blocks, int sharedBytes) {
  private static final int[] DEPTHS = {64, 96, 128, 256};
  private static final int[] GRADIENT_DEPTHS = {64, 128};
  private static final int ROWS = 64;
  private static final int KEYS = 64;
  private static final int KEYS_OF_LARGE_HEADS = 32;
  private static final int LARGE_HEAD = 128;
  private static final int LARGE_GRADIENT = 64;
  private static final int PADDING = 8;
  private static final int STAGES = 2;
  private static final int FEW_ROWS = 16;
  private static final int SOME_ROWS = 64;
  private static final int MANY_KEYS = 1024;

  /**
   * The cut of a call.
   *
   * @param q shape of the queries
   * @param k shape of the keys
   * @param v shape of the values
   * @param type of the queries
   * @return the cut; whether it {@link #fits} is for the caller to ask
   */
  static AttentionTiles of(Shape q, Shape k, Shape v, DType type) {
    int depth = depth(k, v, DEPTHS);
    int keys = depth > LARGE_HEAD ? KEYS_OF_LARGE_HEADS : KEYS;
    int parts = type == ScalarType.F32 ? 2 : 1;
    int rows = parts * ROWS + 2 * STAGES * keys;
    return new AttentionTiles(
        depth,
        Math.toIntExact(Math.ceilDiv(rows(q, k), (long) ROWS)),
        rows * (depth + PADDING) * Short.BYTES + ROWS * Float.BYTES);
  }

  /**
   * The cut of a gradient, whose blocks own rows of queries or as many keys.
   *
   * @param owned rows of queries that share a key head, or keys
   * @param k shape of the keys
   * @param v shape of the values
   * @return the cut; whether it {@link #fits} is for the caller to ask
   */
  static AttentionTiles ofGradient(long owned, Shape k, Shape v) {
    int depth = depth(k, v, GRADIENT_DEPTHS);
    int others = depth > LARGE_GRADIENT ? KEYS_OF_LARGE_HEADS : KEYS;
    int rows = 2 * ROWS + 2 * STAGES * others;
    return new AttentionTiles(
        depth,
        Math.toIntExact(Math.max(1, Math.ceilDiv(owned, (long) ROWS))),
        rows * (depth + PADDING) * Short.BYTES + 2 * STAGES * others * Float.BYTES);
  }

  /** Keys of a tile of {@code attention_mma.cu}. */
  int keys() {
    return depth > LARGE_HEAD ? KEYS_OF_LARGE_HEADS : KEYS;
  }

  /** The least depth that holds keys and values, or 0. */
  private static int depth(Shape k, Shape v, int... depths) {
    long widest = Math.max(k.dim(3), v.dim(3));
    return Arrays.stream(depths).filter(d -> widest <= d).findFirst().orElse(0);
  }

  /**
   * Whether the kernel takes a call that has tensor cores to its precision: heads that are not too
   * large, and tiles that a block has room for.
   *
   * @param mostShared bytes that a block may have
   * @return true if so
   */
  boolean fits(int mostShared) {
    return depth > 0 && sharedBytes <= mostShared;
  }

  /**
   * Whether there are so few rows of queries that their keys are better split.
   *
   * @param q shape of the queries
   * @param k shape of the keys
   * @return true if so
   */
  static boolean few(Shape q, Shape k) {
    return rows(q, k) <= (k.dim(1) > MANY_KEYS ? SOME_ROWS : FEW_ROWS);
  }

  private static long rows(Shape q, Shape k) {
    return q.dim(1) * q.dim(2) / k.dim(2);
  }
}

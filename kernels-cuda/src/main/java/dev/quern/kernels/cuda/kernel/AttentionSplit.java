package dev.quern.kernels.cuda.kernel;

import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;

/**
 * How {@code attention_split.cu} cuts a call of few queries: from extents alone, never from what
 * lengths say, which only the device knows.
 *
 * @param rows of queries that share a key head
 * @param tileRows of them, a block's: 4, 8 or 16
 * @param pieces of the keys, from 1 to 512
 * @param sharedBytes of a block
 * @param partialBytes working memory: of each row and piece a maximum, a sum and its columns
 */
record AttentionSplit(int rows, int tileRows, int pieces, int sharedBytes, long partialBytes) {
  private static final int THREADS = 128;
  private static final int KEYS = 32;
  private static final int STAGES = 2;
  private static final int CHUNK_BYTES = 16;
  private static final int NARROW_CHUNK = 8; // elements of 8 bits that are read at once
  private static final int LINE = 128;
  private static final int MOST_ROWS = 64;
  private static final int LARGE_TILE = 16;
  private static final int MIDDLE_TILE = 8;
  private static final int SMALL_TILE = 4;
  private static final int LEAST_PIECE = 128; // keys
  private static final int MOST_PIECES = 512;
  private static final int ENOUGH_BLOCKS = 512;

  /**
   * The cut of a call.
   *
   * @param q shape of the queries
   * @param k shape of the keys
   * @param v shape of the values
   * @param type of the queries
   * @param keys of keys and values
   * @return the cut; whether it {@link #fits} is for the caller to ask
   */
  static AttentionSplit of(Shape q, Shape k, Shape v, DType type, DType keys) {
    long rows = q.dim(1) * q.dim(2) / k.dim(2);
    int tileRows = rows <= SMALL_TILE ? SMALL_TILE : rows <= MIDDLE_TILE ? MIDDLE_TILE : LARGE_TILE;
    long blocks = Math.max(1, k.dim(0) * k.dim(2) * Math.ceilDiv(rows, (long) tileRows));
    long wanted = Math.min(Math.ceilDiv(k.dim(1), (long) LEAST_PIECE), ENOUGH_BLOCKS / blocks);
    int pieces = Math.clamp(wanted, 1, MOST_PIECES);
    long kept = type == ScalarType.F64 ? Double.BYTES : Float.BYTES;
    long stage = KEYS * (pitch(k.dim(3), keys) + pitch(v.dim(3), keys));
    int chunk = chunk(keys);
    long depth = Math.ceilDiv(k.dim(3), (long) chunk) * chunk;
    long shared = tileRows * kept * (depth + KEYS + 1) + LINE + STAGES * stage;
    long partials = pieces == 1 ? 0 : q.dim(0) * q.dim(1) * q.dim(2) * pieces * (v.dim(3) + 2);
    return new AttentionSplit(
        (int) Math.min(rows, Integer.MAX_VALUE),
        tileRows,
        pieces,
        (int) Math.min(shared, Integer.MAX_VALUE),
        partials * kept);
  }

  /**
   * Whether the kernel takes the call: few rows, values of which a thread has one chunk, tiles that
   * a block has room for.
   *
   * @param values elements of a value's row
   * @param keys type of keys and values
   * @param mostShared bytes that a block may have
   * @return true if so
   */
  boolean fits(long values, DType keys, int mostShared) {
    return rows <= MOST_ROWS
        && Math.ceilDiv(values, (long) chunk(keys)) <= THREADS
        && sharedBytes <= mostShared;
  }

  /** Blocks for each sequence and key head. */
  int blocks() {
    return pieces * Math.ceilDiv(rows, tileRows);
  }

  private static int chunk(DType keys) {
    boolean narrow = keys.isBlock() || keys.blockBytes() == 1;
    return narrow ? NARROW_CHUNK : CHUNK_BYTES / keys.blockBytes();
  }

  /** Bytes from one row to the next in shared memory, as the kernel has them. */
  private static long pitch(long elements, DType keys) {
    long bytes =
        keys.isBlock()
            ? elements / keys.blockLength() * keys.blockBytes()
            : Math.ceilDiv(elements, (long) chunk(keys)) * chunk(keys) * keys.blockBytes();
    return (bytes + LINE / 2 - 1) / LINE * LINE + LINE / 2;
  }
}

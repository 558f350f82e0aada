package dev.quern.kernels.cuda.kernel;

import dev.quern.core.type.ScalarType;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * How {@code matmul_hopper.cu} cuts a product: into tiles of results, two of which may be a pair of
 * blocks that share what they read, and k into pieces where there are fewer tiles than
 * multiprocessors.
 *
 * <p>What a cut takes is estimated in clocks of a multiprocessor. A step of k, 128 bytes of each
 * row of a tile, takes what the tensor cores need for it (2048 products of 16 bits a clock) or what
 * it takes to bring its bytes, the greater of the two; a turn takes the steps of a piece and
 * writing the tile; all turns take at least what the operands need from memory. Who comes last of a
 * tile's pieces reads the sums of all. So pieces pay where k is long and tiles are few, and there
 * by what each multiprocessor reads: a product of 32 rows with (1024, 4096) takes 8 tiles of 64
 * steps, 29,000 clocks on as many multiprocessors, or 9,500 in 8 pieces on 64.
 *
 * @param columns of a tile: rows of the right operand
 * @param stages in shared memory
 * @param swapped whether the operands change places
 * @param blocks of a cluster, which have tiles one below the other and share the right operand
 * @param pieces of k
 */
record HopperTiling(int columns, int stages, boolean swapped, int blocks, int pieces) {
  /** Rows of a tile. */
  static final int ROWS = 128;

  /** Bytes of a tile's row in shared memory. */
  static final int LINE = 128;

  /** Warpgroups that multiply. */
  static final int CONSUMERS = 2;

  private static final HopperTiling WIDE = new HopperTiling(256, 4, false, 1, 1);
  private static final HopperTiling PAIR = new HopperTiling(256, 4, false, 2, 1);
  private static final HopperTiling NARROW = new HopperTiling(128, 6, false, 1, 1);
  private static final HopperTiling FEW_ROWS = new HopperTiling(64, 8, true, 1, 1);
  private static final HopperTiling FEWER_ROWS = new HopperTiling(32, 8, true, 1, 1);

  private static final int SWIZZLE = 1024; // bytes that tiles are aligned to
  private static final int STAGING = 4 * 64 * LINE;
  private static final int MOST_PIECES = 16;
  private static final int PRODUCTS = 2048; // a clock, of 16 bits
  private static final int CACHE_BYTES = 48; // a clock, that one multiprocessor gets of the cache
  private static final int MEMORY_BYTES = 2_700; // a clock, that all get: 4.8 TB/s at 1.75 GHz
  private static final int START = 1_500; // clocks until the first products
  private static final int HANDOVER = 1_500; // from one block's sums to another's reading them

  /**
   * The cuts that suit a product, the one that is likely the fastest first. All cut k as that one
   * does, so that sums have one order.
   */
  static List<HopperTiling> of(Product p, int multiprocessors) {
    List<HopperTiling> all =
        suitable(p).stream()
            .flatMap(t -> t.cuts(p))
            .sorted(Comparator.comparingLong(t -> t.clocks(p, multiprocessors)))
            .toList();
    return all.stream().filter(t -> t.pieces == all.getFirst().pieces).toList();
  }

  private static List<HopperTiling> suitable(Product p) {
    boolean kMajor = p.a().step() == 1 && p.w().step() == 1;
    if (p.a().type() == ScalarType.F8_E4M3) {
      return List.of(NARROW);
    }
    if (kMajor && p.m() <= FEW_ROWS.columns()) {
      return List.of(p.m() <= FEWER_ROWS.columns() ? FEWER_ROWS : FEW_ROWS);
    }
    return p.m() <= ROWS ? List.of(NARROW, WIDE) : List.of(NARROW, PAIR, WIDE);
  }

  /** Itself, and with k in pieces; blocks of a cluster take all of k. */
  private Stream<HopperTiling> cuts(Product p) {
    int most = blocks > 1 ? 1 : (int) Math.min(MOST_PIECES, steps(p));
    return IntStream.rangeClosed(1, most)
        .mapToObj(i -> new HopperTiling(columns, stages, swapped, blocks, i))
        .filter(t -> t.pieces == 1 || Workspace.holds(t.parts(p), t.partialBytes(p)));
  }

  /** An estimate; see above. */
  private long clocks(Product p, int multiprocessors) {
    long bytes = p.a().type().blockBytes();
    long products = (long) ROWS * columns * LINE / bytes / (PRODUCTS * Short.BYTES / bytes);
    long step = Math.max(products, (long) (ROWS + columns / blocks) * LINE / CACHE_BYTES);
    long tile = (long) ROWS * columns * Float.BYTES / CACHE_BYTES;
    long turns = Math.ceilDiv(tiles(p) * pieces, (long) multiprocessors / blocks);
    long work = turns * (Math.ceilDiv(steps(p), (long) pieces) * step + tile);
    long memory = (p.m() + p.n()) * p.k() * bytes * p.batches() / MEMORY_BYTES;
    long join = pieces == 1 ? 0 : HANDOVER + pieces * tile;
    return START + Math.max(work, memory) + join;
  }

  /** Of k. */
  private static long steps(Product p) {
    return Math.ceilDiv(p.k() * p.a().type().blockBytes(), (long) LINE);
  }

  /** Rows of tiles, or of a cluster's tiles. */
  long tilesM(Product p) {
    return Math.ceilDiv(swapped ? p.n() : p.m(), (long) ROWS * blocks);
  }

  /** Columns of tiles. */
  long tilesN(Product p) {
    return Math.ceilDiv(swapped ? p.m() : p.n(), (long) columns);
  }

  /** Tiles of all the batch, those of a cluster counted as one. */
  long tiles(Product p) {
    return Math.multiplyExact(Math.multiplyExact(tilesM(p), tilesN(p)), p.batches());
  }

  /** What is added up by itself: each consumer's half of a tile. */
  private long parts(Product p) {
    return tiles(p) * CONSUMERS;
  }

  /** Memory for the sums of all pieces; 0 where they aren't kept. */
  private long partialBytes(Product p) {
    return pieces == 1 ? 0 : tiles(p) * pieces * ROWS * columns * Float.BYTES;
  }

  int sharedBytes() {
    int barriers = stages * 2 * Long.BYTES;
    return SWIZZLE
        + stages * (ROWS + columns) * LINE
        + STAGING
        + barriers
        + CONSUMERS * Integer.BYTES;
  }

  /** Of the kernel, before its types. */
  String kernel() {
    return (swapped ? "swapped_" : "") + columns + (blocks > 1 ? "_pair" : "");
  }

  /**
   * For {@code explain}: rows × columns of the result that a tile has, and how it is cut further.
   */
  String text() {
    String tile = swapped ? columns + "x" + ROWS : ROWS + "x" + columns;
    return tile + (blocks > 1 ? " in pairs" : "") + (pieces > 1 ? " k/" + pieces : "");
  }
}

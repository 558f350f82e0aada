package dev.quern.kernels.cuda.kernel;

import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.driver.Attribute;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.kernel.Product.Factor;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Products of BF16 and F16, of BF16 also with results of F32, by {@code matmul_ampere.cu}, on every
 * device: with asynchronous copies and matrix loads. It takes operands whose k or whose rows lie
 * together, in runs of whole 16 bytes at aligned addresses.
 */
final class AmpereMatMul {
  private static final int RUN = 8; // elements that are copied at once
  private static final int ALIGNMENT = 16;
  private static final int BYTES = 2; // of an element
  private static final int MOST_STAGES = 4;
  private static final int LEAST_STAGES = 3;
  private static final int RESERVED = 1024; // bytes of shared memory beside each block's own
  private static final int MOST_BATCH = 65_535;
  private static final String SOURCE = "matmul_ampere";
  private static final int SHARE = 32; // of a stage's k, that a warp multiplies

  /** How a tile's time grows with its results: the fixed part, in results of a large tile. */
  private static final int TILE_OVERHEAD = 1024;

  /**
   * A kernel of the source.
   *
   * @param rows of a tile
   * @param columns of a tile
   * @param depth of k in a stage
   * @param threads of a block
   * @param blocks of a multiprocessor, which its registers have room for
   * @param percent time for a result, of a large tile's
   * @param fewRows whether there is one for operands alone whose k lies together
   */
  private record Variant(
      int rows, int columns, int depth, int threads, int blocks, int percent, boolean fewRows) {
    int stageBytes() {
      return (rows + columns) * depth * BYTES;
    }

    String tile() {
      return rows + "x" + columns;
    }

    long tiles(Product p) {
      return Math.ceilDiv(p.m(), (long) rows) * Math.ceilDiv(p.n(), (long) columns) * p.batches();
    }
  }

  private static final List<Variant> VARIANTS =
      List.of(
          new Variant(128, 256, 32, 256, 1, 100, false),
          new Variant(128, 128, 32, 128, 2, 100, false),
          new Variant(64, 64, 32, 128, 3, 150, false),
          new Variant(64, 32, 64, 128, 3, 150, true),
          new Variant(32, 32, 128, 128, 2, 150, true));

  private final CudaDevice device;

  AmpereMatMul(CudaDevice device) {
    this.device = device;
  }

  /** Whether it takes a product. */
  static boolean takes(Product p) {
    DType t = p.a().type();
    return (t == ScalarType.BF16 || t == ScalarType.F16)
        && t == p.w().type()
        && (t == p.type() || (t == ScalarType.BF16 && p.type() == ScalarType.F32))
        && p.k() > 0
        && !order(p, p.a(), p.m(), 0).isEmpty()
        && !order(p, p.w(), p.n(), 1).isEmpty()
        && Math.max(Math.max(p.m(), p.n()), p.k()) < Integer.MAX_VALUE / 2
        && p.batches() <= MOST_BATCH
        && VARIANTS.getLast().tiles(p) < Integer.MAX_VALUE;
  }

  /** Which of an operand's axes lies together: k or n, its rows; nothing if neither can be read. */
  private static String order(Product p, Factor f, long rows, int operand) {
    boolean aligned = f.address() % ALIGNMENT == 0;
    for (long stride : p.batch().strides()[operand]) {
      aligned &= stride % RUN == 0;
    }
    if (!aligned) {
      return "";
    }
    if (f.step() == 1 && p.k() % RUN == 0 && (rows == 1 || f.row() % RUN == 0)) {
      return "k";
    }
    boolean rowsTogether = f.row() == 1 && rows % RUN == 0 && (p.k() == 1 || f.step() % RUN == 0);
    return rowsTogether ? "n" : "";
  }

  private static String orders(Product p) {
    return order(p, p.a(), p.m(), 0) + order(p, p.w(), p.n(), 1);
  }

  /** The kernels that compute a product without its epilogue, the likely fastest first. */
  List<Candidate> bind(Product p) {
    boolean both = "kk".equals(orders(p));
    Stream<Variant> variants = VARIANTS.stream().filter(v -> both || !v.fewRows());
    return variants
        .sorted(Comparator.comparingLong(v -> cost(p, v)))
        .map(
            v ->
                new Candidate(
                    new NamedRunnable("mma " + v.tile(), launch(p, v)),
                    new Candidate.Order(SOURCE, v.depth() / SHARE, 1)))
        .toList();
  }

  /** Turns that all multiprocessors take, times the work of each. */
  private long cost(Product p, Variant v) {
    long turns = Math.ceilDiv(v.tiles(p), (long) device.attribute(Attribute.MULTIPROCESSORS));
    return turns * ((long) v.rows() * v.columns() * v.percent() / 100 + TILE_OVERHEAD);
  }

  /** As many stages as leave room for the blocks that registers have room for. */
  private int stages(Variant v) {
    long bytes = (long) v.blocks() * (MOST_STAGES * v.stageBytes() + RESERVED);
    boolean room = bytes <= device.attribute(Attribute.SHARED_PER_MULTIPROCESSOR);
    return room ? MOST_STAGES : LEAST_STAGES;
  }

  private Runnable launch(Product p, Variant v) {
    int stages = stages(v);
    long tilesM = Math.ceilDiv(p.m(), (long) v.rows());
    long tilesN = Math.ceilDiv(p.n(), (long) v.columns());
    Params s = PortableMatMul.params(p, 0);
    s.int32((int) tilesM).int32((int) tilesN).int32(stages).int32(isWide(p) ? 1 : 0);
    String types = Launches.name(p.a().type());
    types += p.type() == p.a().type() ? "" : "_" + Launches.name(p.type());
    String kernel = "matmul_ampere_%s_%s_%s".formatted(v.tile(), types, orders(p));
    int tiles = Math.toIntExact(tilesM * tilesN);
    Grid grid = new Grid(tiles, (int) p.batches(), 1, v.threads(), stages * v.stageBytes());
    return Launches.of(device, SOURCE, kernel, grid, s);
  }

  /** Whether results can be written 16 bytes at a time. */
  private static boolean isWide(Product p) {
    return p.n() * p.type().blockBytes() % ALIGNMENT == 0 && p.c() % ALIGNMENT == 0;
  }
}

package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Products of one left operand with up to four weights of one block format, as the struct of {@code
 * block_matmul.cuh} states them, and which kernel computes them.
 *
 * @param a the left operand
 * @param shape rows, inner extent and strides of the left operand and the first weight
 * @param parts the weights
 * @param residual what is added to the first result, without gaps, or null
 * @param gate what makes one result of two, or null
 */
record BlockProduct(
    TensorView a,
    Extents shape,
    List<Part> parts,
    @Nullable TensorView residual,
    @Nullable BinaryOp gate) {
  /** Weights that one launch takes. */
  static final int MOST_PARTS = 4;

  /** Rows that are computed past the weights as they stream by, not by the tensor cores. */
  static final int FEW = 8;

  private static final int ROW_THREADS = 256;
  private static final int ROW_WARPS = 8;
  private static final int ROWS_PER_WARP = 2;
  private static final int STAGES = 2;
  private static final int ENOUGH_BLOCKS = 128; // large tiles for which a device is busy
  private static final int MOST_BATCH = 65_535;
  private static final int MOST_ROWS = 65_535; // of blocks
  private static final int PIECE = 16;
  private static final int GROUP_LENGTH = 256;
  private static final int TILE_PITCH_BYTES = 80;
  private static final int RESULT_PAD = 4;
  private static final int RUN = 16;
  private static final int RUN_PITCH = 20;
  private static final int PER_SCALE = 32;

  /**
   * A weight and what it makes.
   *
   * @param w in blocks that run along k
   * @param bias one number for each column, or null
   * @param c the result, without gaps
   * @param n columns
   * @param column bytes from a column's blocks to the next one's
   */
  record Part(TensorView w, @Nullable TensorView bias, TensorView c, long n, long column) {

    /** Writes the struct; the bytes of all rows, gaps included, are what may be read beside one. */
    void write(Params p) {
      long begin = Launches.start(w);
      long end = begin;
      for (int axis = 0; axis < w.shape().rank(); axis++) {
        long extent = w.shape().dim(axis);
        boolean blocks = w.layout().stride(axis) == 1 && extent >= w.dtype().blockLength();
        long reach = blocks ? w.dtype().bytes(extent) : (extent - 1) * w.strideBytes(axis);
        begin += Math.min(0, reach);
        end += Math.max(0, reach);
      }
      p.address(Launches.start(w))
          .address(bias == null ? 0 : Launches.start(bias))
          .address(Launches.start(c))
          .int64(column)
          .int64(bias == null ? 0 : bias.layout().stride(0))
          .address(begin)
          .address(end)
          .int32(Math.toIntExact(n))
          .int32(0);
    }
  }

  /** A tiling: the kernel's name, its rows and columns, threads and shared memory. */
  private record Tiling(
      String module, String suffix, int rows, long columns, int threads, int sharedBytes) {}

  /** The launches. */
  Runnable bind(CudaDevice device, boolean exact) {
    if (shape.m() == 0 || parts.stream().allMatch(p -> p.c().shape().elements() == 0)) {
      return Launches.NOTHING;
    }
    Tiling t = exact ? exact() : shape.m() <= FEW ? dots() : tiles();
    long rows = Math.ceilDiv(shape.m(), (long) t.rows());
    if (rows > MOST_ROWS) {
      throw new NotSupportedException(
          "[cuda] a product of %d rows with %s weights; a launch takes %d: split the rows"
              .formatted(shape.m(), parts.getFirst().w().dtype(), (long) MOST_ROWS * t.rows()));
    }
    String format = Launches.name(parts.getFirst().w().dtype());
    String kernel =
        t.module() + (exact || shape.m() <= FEW ? "_" + format + t.suffix() : t.suffix() + format);
    List<Runnable> calls = new ArrayList<>();
    for (long first = 0; first < shape.batches(); first += MOST_BATCH) {
      int batches = (int) Math.min(MOST_BATCH, shape.batches() - first);
      Grid grid =
          new Grid(Math.toIntExact(t.columns()), (int) rows, batches, t.threads(), t.sharedBytes());
      calls.add(Launches.of(device, t.module(), kernel, grid, params((int) first)));
    }
    return Launches.inOrder(calls);
  }

  private Tiling dots() {
    int rows = shape.m() == 1 ? 1 : shape.m() <= FEW / 2 ? FEW / 2 : FEW;
    int chunk = rows == 1 ? 2048 : 1024;
    int converted = chunk + Float.BYTES * (chunk / PER_SCALE + 2 * chunk / RUN);
    return streaming("block_dot", rows, chunk, converted);
  }

  private Tiling exact() {
    int rows = shape.m() == 1 ? 1 : FEW;
    int chunk = rows == 1 ? 2048 : 512;
    return streaming("block_exact", rows, chunk, chunk / RUN * RUN_PITCH * Float.BYTES);
  }

  private Tiling streaming(String module, int rows, int chunk, int convertedBytes) {
    long units = 0;
    for (Part p : gate == null ? parts : parts.subList(0, 1)) {
      units += gate == null ? Math.ceilDiv(p.n(), (long) ROWS_PER_WARP) : p.n();
    }
    int shared =
        ROW_WARPS * STAGES * ROWS_PER_WARP * roomBytes(chunk) + STAGES * rows * convertedBytes;
    long blocks = Math.ceilDiv(units, (long) ROW_WARPS);
    return new Tiling(module, "_" + rows, rows, blocks, ROW_THREADS, shared);
  }

  private Tiling tiles() {
    Tiling large = tiles("_large_", 128);
    long blocks = large.columns() * Math.ceilDiv(shape.m(), 128L) * shape.batches();
    return blocks >= ENOUGH_BLOCKS ? large : tiles("_", 64);
  }

  private Tiling tiles(String suffix, int tile) {
    long columns = 0;
    for (Part p : parts) {
      columns += Math.ceilDiv(p.n(), (long) tile);
    }
    int room = roomBytes(GROUP_LENGTH);
    room += room / PIECE % 2 == 1 ? 0 : PIECE;
    int loop = 2 * tile * TILE_PITCH_BYTES + STAGES * tile * room;
    int end = tile * (tile + RESULT_PAD) * Float.BYTES;
    return new Tiling("block_mma", suffix, tile, columns, 2 * tile, Math.max(loop, end));
  }

  /** Bytes of a room for some elements of a row, which may begin anywhere in its first piece. */
  private int roomBytes(int elements) {
    long bytes = parts.getFirst().w().dtype().bytes(elements);
    return (int) (Math.ceilDiv(bytes, PIECE) * PIECE + PIECE);
  }

  private Params params(int firstBatch) {
    Axes batch = shape.batch();
    Part first = parts.getFirst();
    Params p =
        new Params()
            .address(Launches.start(a))
            .address(residual == null ? 0 : Launches.start(residual))
            .int64s(shape.aRow(), shape.aStep())
            .int32(Math.toIntExact(shape.m()))
            .int32(Math.toIntExact(shape.k()))
            .int32(batch.rank())
            .int32(firstBatch);
    batch.writeDims(p, batch.rank());
    batch.writeStrides(p, 0, batch.rank());
    long[] blocks = batch.strides()[1].clone();
    for (int i = 0; i < blocks.length; i++) {
      blocks[i] = first.w().dtype().bytes(blocks[i]);
    }
    new Axes(batch.dims(), new long[][] {blocks}).writeStrides(p, 0, batch.rank());
    for (int i = 0; i < MOST_PARTS; i++) {
      parts.get(Math.min(i, parts.size() - 1)).write(p);
    }
    return p.int32(parts.size())
        .int32(gate == null ? 0 : ElementKernels.number(gate))
        .int32(a.dtype() == ScalarType.BF16 ? 1 : 0)
        .int32(0);
  }
}

package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.TileKernel.DEPTH;
import static dev.quern.kernels.cpu.TileKernel.ROWS;
import static dev.quern.kernels.cpu.TileKernel.STRIDE;

import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;

/**
 * C[r, c] = Σₖ A[r, k] · B[k, c] (+ bias along the contiguous axis of C: its rows r where C is
 * stored by columns, else its columns c), for a batch of matrices of any layouts and of all types
 * that {@link Unpack} knows; sums in F32.
 *
 * <p>Loop nest: first, in parallel over blocks of columns, pack B as F32 [block][k][2 vectors].
 * Then in parallel over blocks of C, up to 384 rows and 256 columns: over k by 512; over the rows
 * by 12: unpack 12 × 512 of A as F32; over the blocks of columns: {@link TileKernel}. At last add
 * the bias, round and store.
 *
 * <p>Blocks, not strips of 96 rows and all columns: what is packed of B is read from the last-level
 * cache a quarter as often, results are written in longer runs, and products that are large enough
 * have 16 slices of one size. GFLOP/s with two threads, strips and blocks in turn: 512³ 204 and
 * 243, 1024³ 197 and 258, 4096³ 183 and 238; one thread, 4096³: 87 and 118. With 192 × 512 and 192
 * × 256 the same within a few percent, and so with longer pieces of lines in packing. Copying rows
 * of A costs most beside the tiles: 19 GB/s, 15% of 128 columns' time and 37% of 32's.
 */
final class Gemm extends SlicedTask {
  /** The most rows of A in a slice. */
  static final int PANEL = 32 * ROWS;

  /** Columns in a block: those of a tile. */
  static final int BLOCK = TileKernel.VECTORS * Simd.L;

  /** The most columns of B in a slice. */
  static final int COLUMNS = 256;

  /** Elements of a line that are transposed together. */
  static final int PACK_STEPS = 64;

  /** Floats from a column of results to the next: a cache line more than a multiple of many. */
  static final int COLUMN_STRIDE = PANEL + 16;

  /** Rows that are turned over together: their sums stay in the first-level cache. */
  private static final int SPAN = 96;

  /** Floats from one of these pieces to the next: odd, so that they share no cache sets. */
  static final int LINE_STRIDE = PACK_STEPS + 1;

  private static final int SLICES = 16;
  private static final long SLOT_BYTES = 4L * Math.max(DEPTH, Math.max(PANEL, COLUMNS));

  /**
   * What to compute.
   *
   * @param a lines are rows
   * @param b lines are columns
   * @param rows extent of r
   * @param columns extent of c
   * @param depth extent of k
   * @param batch number of matrices
   */
  record Problem(Matrix a, Matrix b, long rows, long columns, long depth, int batch) {
    /** How rows and columns are cut: into as few slices as are allowed and enough. */
    private Cut cut() {
      long tiles = Math.max(1, Math.ceilDiv(rows, ROWS));
      long blocks = Math.max(1, columnBlocks());
      long down = Math.ceilDiv(tiles * ROWS, PANEL);
      long across = Math.ceilDiv(blocks * BLOCK, COLUMNS);
      while (batch * down * across < SLICES && (down < tiles || across < blocks)) {
        if (down < tiles && (across == blocks || tiles * ROWS * across >= blocks * BLOCK * down)) {
          down++;
        } else {
          across++;
        }
      }
      return new Cut(
          ROWS * (int) Math.ceilDiv(tiles, down), BLOCK * (int) Math.ceilDiv(blocks, across));
    }

    int columnBlocks() {
      return Math.toIntExact(Math.ceilDiv(columns, BLOCK));
    }

    /** Columns including those that fill up the last vector. */
    long padded() {
      return Math.ceilDiv(columns, Simd.L) * Simd.L;
    }

    long packedBytes() {
      return padded() * depth * 4;
    }

    int slices() {
      Cut cut = cut();
      long down = Math.ceilDiv(rows, cut.rows);
      return Math.toIntExact(batch * down * Math.ceilDiv(columns, cut.columns));
    }

    /** Working memory that the call needs. */
    long scratchBytes() {
      return batch * packedBytes()
          + Slots.bytes(SLOT_BYTES, Math.max(slices(), batch * columnBlocks()));
    }
  }

  /**
   * A slice of C.
   *
   * @param rows whole tiles, at most {@link #PANEL}
   * @param columns whole blocks, at most {@link #COLUMNS}
   */
  private record Cut(int rows, int columns) {}

  /**
   * Where results go.
   *
   * @param dtype F32, F16 or BF16
   * @param segment the memory
   * @param rowBytes from one row to the next
   * @param columnBytes from one column to the next; one of the two is the size of an element
   */
  record Target(DType dtype, MemorySegment segment, long rowBytes, long columnBytes) {}

  private final Problem problem;
  private final Cut cut;
  private final Target target;
  private final long[] aOffsets;
  private final long[] bOffsets;
  private final long[] cOffsets;
  private final @Nullable MemorySegment bias;
  private final DType biasType;
  private final MemorySegment scratch;
  private final Slots slots;
  private final TaskPool.Task packing = this::pack;

  /**
   * Binds a product.
   *
   * @param offsets bytes where each matrix of the batch starts: A, B, C
   * @param bias one F32, F16 or BF16 for each element along the target's contiguous axis, or null
   */
  Gemm(
      TaskPool pool,
      MemorySegment scratch,
      Problem problem,
      Target target,
      long[][] offsets,
      @Nullable MemorySegment bias,
      DType biasType) {
    super(pool, problem.slices());
    this.problem = problem;
    this.cut = problem.cut();
    this.target = target;
    this.aOffsets = offsets[0];
    this.bOffsets = offsets[1];
    this.cOffsets = offsets[2];
    this.bias = bias;
    this.biasType = biasType;
    this.slots =
        new Slots(
            scratch,
            problem.batch * problem.packedBytes(),
            SLOT_BYTES,
            Math.max(slices, problem.batch * problem.columnBlocks()));
    this.scratch = slots.segment();
  }

  @Override
  public void run() {
    pool.parallelFor(problem.batch * problem.columnBlocks(), packing);
    pool.parallelFor(slices, this);
  }

  /** Packs one block of columns. */
  private void pack(int slice) {
    int blocks = problem.columnBlocks();
    int matrix = slice / blocks;
    long c0 = (long) (slice % blocks) * BLOCK;
    int width = (int) Math.min(BLOCK, problem.padded() - c0);
    int real = (int) Math.min(width, problem.columns - c0);
    long to = matrix * problem.packedBytes() + c0 * problem.depth * 4;
    long from = bOffsets[matrix] + c0 * problem.b.lineBytes();
    if (problem.b.stepsContiguous()) {
      packSteps(from, to, width, real);
    } else {
      int slot = slots.take();
      GemmSpace space = GemmSpace.take();
      try {
        packLines(from, to, width, real, slots.offset(slot), space);
      } finally {
        space.give();
        slots.give(slot);
      }
    }
  }

  /** B is [k, c] in memory: rows of the block are copied. */
  private void packSteps(long from, long to, int width, int real) {
    Matrix b = problem.b;
    if (b.dtype() == ScalarType.F32 && real == BLOCK) {
      copySteps(b.segment(), from, b.stepBytes(), problem.depth, scratch, to);
      return;
    }
    for (long k = 0; k < problem.depth; k++) {
      long at = to + k * width * 4;
      Convert.widen(b.dtype(), b.segment(), from + k * b.stepBytes(), scratch, at, real);
      Convert.fill(0, scratch, at + 4L * real, width - real);
    }
  }

  private static void copySteps(
      MemorySegment s, long from, long stride, long steps, MemorySegment d, long to) {
    for (long k = 0; k < steps; k++) {
      FloatVector x = Simd.load(s, from + k * stride);
      FloatVector y = Simd.load(s, from + k * stride + Simd.VB);
      Simd.store(x, d, to + k * (2L * Simd.VB));
      Simd.store(y, d, to + k * (2L * Simd.VB) + Simd.VB);
    }
  }

  /** B is [c, k] in memory: transposed by 64 elements of each line, which stay in the cache. */
  private void packLines(long from, long to, int width, int real, long line, GemmSpace space) {
    Arrays.fill(space.lines, real * LINE_STRIDE, width * LINE_STRIDE, 0);
    for (long k = 0; k < problem.depth; k += PACK_STEPS) {
      int n = (int) Math.min(PACK_STEPS, problem.depth - k);
      for (int c = 0; c < real; c++) {
        load(problem.b, from + c * problem.b.lineBytes(), k, n, space.lines, c * LINE_STRIDE, line);
      }
      for (int i = 0; i < n; i++) {
        gather(space.lines, i, LINE_STRIDE, width, space.steps, i * width);
      }
      MemorySegment.copy(space.steps, 0, scratch, Segments.F32, to + k * width * 4, n * width);
    }
  }

  /** n elements of an array, {@code stride} apart, side by side. */
  private static void gather(float[] s, int from, int stride, int n, float[] d, int to) {
    for (int i = 0; i < n; i++) {
      d[to + i] = s[from + i * stride];
    }
  }

  /** n elements of a line to an array; those that are no F32 by way of {@code through}. */
  private void load(Matrix m, long at, long k, int n, float[] d, int to, long through) {
    if (m.dtype() == ScalarType.F32 && m.linesContiguous()) {
      MemorySegment.copy(m.segment(), Segments.F32, at + 4 * k, d, to, n);
    } else {
      m.load(at, k, n, scratch, through);
      MemorySegment.copy(scratch, Segments.F32, through, d, to, n);
    }
  }

  @Override
  public void run(int slice) {
    int slot = slots.take();
    GemmSpace space = GemmSpace.take();
    try {
      int down = (int) Math.ceilDiv(problem.rows, cut.rows);
      int across = (int) Math.ceilDiv(problem.columns, cut.columns);
      int matrix = slice / (down * across);
      int part = slice % (down * across);
      block(
          matrix,
          (long) (part % down) * cut.rows,
          (long) (part / down) * cut.columns,
          slots.offset(slot),
          space);
    } finally {
      space.give();
      slots.give(slot);
    }
  }

  /** The block of C from row r0 and column c0 on. */
  private void block(int matrix, long r0, long c0, long line, GemmSpace space) {
    int rows = (int) Math.min(cut.rows, problem.rows - r0);
    int columns = (int) Math.min(cut.columns, problem.padded() - c0);
    int tiles = Math.ceilDiv(rows, ROWS);
    Arrays.fill(space.sums, 0, tiles * ROWS * columns, 0);
    for (long k0 = 0; k0 < problem.depth; k0 += DEPTH) {
      int kc = (int) Math.min(DEPTH, problem.depth - k0);
      for (int i = 0; i < tiles; i++) {
        unpack(matrix, r0 + (long) i * ROWS, Math.min(ROWS, rows - i * ROWS), k0, kc, line, space);
        multiply(matrix, i, tiles, c0, columns, k0, kc, space);
      }
    }
    int real = (int) Math.min(columns, problem.columns - c0);
    if (target.rowBytes == target.dtype.blockBytes()) {
      storeColumns(matrix, r0, rows, tiles, c0, real, line, space);
    } else {
      storeRows(matrix, r0, rows, tiles, c0, real, line, space);
    }
  }

  /** 12 rows of A; those that fill up the tile are zero. */
  private void unpack(int matrix, long r0, int rows, long k0, int kc, long line, GemmSpace space) {
    long from = aOffsets[matrix] + r0 * problem.a.lineBytes();
    for (int r = 0; r < ROWS; r++) {
      int to = r * STRIDE;
      if (r < rows) {
        load(problem.a, from + r * problem.a.lineBytes(), k0, kc, space.rows, to, line);
      } else {
        Arrays.fill(space.rows, to, to + kc, 0);
      }
    }
  }

  private void multiply(
      int matrix, int tile, int tiles, long c0, int columns, long k0, int kc, GemmSpace space) {
    for (int c = 0; c < columns; c += BLOCK) {
      int width = Math.min(BLOCK, columns - c);
      long packed = matrix * problem.packedBytes() + ((c0 + c) * problem.depth + k0 * width) * 4;
      int to = c * tiles * ROWS + tile * width * ROWS;
      TileKernel.run(width / Simd.L, kc, space.rows, scratch, packed, space.sums, to);
    }
  }

  /** C is [r, c] in memory. */
  private void storeRows(
      int matrix, long r0, int rows, int tiles, long c0, int columns, long line, GemmSpace space) {
    int padded = (int) Math.min(cut.columns, problem.padded() - c0);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c += BLOCK) {
        int width = Math.min(BLOCK, padded - c);
        int at = c * tiles * ROWS + r * width;
        System.arraycopy(space.sums, at, space.columns, c, width);
      }
      if (bias != null) {
        addBias(bias, c0, columns, space.columns, 0);
      }
      long to = cOffsets[matrix] + (r0 + r) * target.rowBytes + c0 * target.columnBytes;
      store(space.columns, 0, columns, to, line);
    }
  }

  /** C is [c, r] in memory. */
  private void storeColumns(
      int matrix, long r0, int rows, int tiles, long c0, int columns, long line, GemmSpace space) {
    int padded = (int) Math.min(cut.columns, problem.padded() - c0);
    for (int c = 0; c < columns; c += BLOCK) {
      int width = Math.min(BLOCK, padded - c);
      int n = Math.min(BLOCK, columns - c);
      int at = c * tiles * ROWS;
      for (int r = 0; r < rows; r += SPAN) {
        int h = Math.min(SPAN, rows - r);
        for (int i = 0; i < n; i++) {
          gather(space.sums, at + r * width + i, width, h, space.columns, i * COLUMN_STRIDE + r);
        }
      }
      for (int i = 0; i < n; i++) {
        if (bias != null) {
          addBias(bias, r0, rows, space.columns, i * COLUMN_STRIDE);
        }
        long to = cOffsets[matrix] + (c0 + c + i) * target.columnBytes + r0 * target.rowBytes;
        store(space.columns, i * COLUMN_STRIDE, rows, to, line);
      }
    }
  }

  /** Adds n elements of the bias, the first of them number {@code first}. */
  private void addBias(MemorySegment b, long first, int n, float[] sums, int from) {
    long at = first * biasType.blockBytes();
    for (int i = 0; i < n; i++) {
      sums[from + i] += Convert.scalar(biasType, b, at + i * (long) biasType.blockBytes());
    }
  }

  private void store(float[] sums, int from, int n, long to, long line) {
    if (target.dtype == ScalarType.F32) {
      MemorySegment.copy(sums, from, target.segment, Segments.F32, to, n);
    } else {
      MemorySegment.copy(sums, from, scratch, Segments.F32, line, n);
      Convert.narrow(target.dtype, scratch, line, target.segment, to, n);
    }
  }
}

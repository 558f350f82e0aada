package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.MicroKernel.DEPTH;
import static dev.quern.kernels.cpu.MicroKernel.ROWS;
import static dev.quern.kernels.cpu.MicroKernel.ROW_BYTES;
import static dev.quern.kernels.cpu.Segments.F32;

import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * C[r, c] = Σₖ A[r, k] · B[k, c] (+ bias[r]), for a batch of matrices of any layouts and of all
 * types that {@link Unpack} knows; sums in F32.
 *
 * <p>Loop nest: first, in parallel over blocks of columns, pack B as F32 [block][k][3 vectors].
 * Then in parallel over blocks of 64 rows of A: over chunks of {@link #COLUMNS} columns; over k by
 * 512: unpack 64 × 512 of A as F32; over the blocks of columns; over the rows by 8: {@link
 * MicroKernel}. At last add the bias, round and store the chunk.
 *
 * <p>Sizes: unpacked rows (64 × 2 KiB) and one block of columns (512 × 192 bytes) stay in the
 * second-level cache, and unpacking costs 1/columns of the work, which is why block formats run at
 * the speed of F32. The roles may be exchanged: a weight [n, k] is A here and the activations are
 * B, so that no transposition of the weight is needed.
 */
final class Gemm extends SlicedTask {
  /** Rows of A that a slice unpacks. */
  static final int PANEL = 64;

  /** Columns whose sums a slice holds at a time. */
  static final int COLUMNS = 10 * MicroKernel.VECTORS * Simd.L;

  private static final int BLOCK = MicroKernel.VECTORS * Simd.L;
  private static final int PACK_STEPS = 64;
  private static final long TILE_STRIDE = COLUMNS * 4L;
  private static final long SUMS = PANEL * ROW_BYTES;
  private static final long LINE = SUMS + PANEL * TILE_STRIDE;
  private static final long SLOT_BYTES = LINE + COLUMNS * 4L;

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
    int rowBlocks() {
      return Math.toIntExact(Math.ceilDiv(rows, PANEL));
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
      return batch * rowBlocks();
    }

    /** Working memory that the call needs. */
    long scratchBytes() {
      return batch * packedBytes()
          + Slots.bytes(SLOT_BYTES, Math.max(slices(), batch * columnBlocks()));
    }
  }

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
  private final Target target;
  private final long[] aOffsets;
  private final long[] bOffsets;
  private final long[] cOffsets;
  private final @Nullable MemorySegment bias;
  private final DType biasType;
  private final MemorySegment scratch;
  private final Slots slots;
  private final MicroKernel[] kernels;
  private final TaskPool.Task packing = this::pack;

  /**
   * Binds a product.
   *
   * @param offsets bytes where each matrix of the batch starts: A, B, C
   * @param bias one F32, F16 or BF16 per row, or null; only for a target with rowBytes of an
   *     element
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
    this.kernels = MicroKernel.of(slots);
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
      return;
    }
    int slot = slots.take();
    try {
      packLines(from, to, width, real, slots.offset(slot));
    } finally {
      slots.give(slot);
    }
  }

  /** B is [k, c] in memory: rows of the block are copied. */
  private void packSteps(long from, long to, int width, int real) {
    Matrix b = problem.b;
    for (long k = 0; k < problem.depth; k++) {
      long at = to + k * width * 4;
      Convert.widen(b.dtype(), b.segment(), from + k * b.stepBytes(), scratch, at, real);
      for (int c = real; c < width; c++) {
        scratch.set(F32, at + 4L * c, 0f);
      }
    }
  }

  /** B is [c, k] in memory: transposed by 64 elements of each line, which stay in the cache. */
  private void packLines(long from, long to, int width, int real, long line) {
    Matrix b = problem.b;
    for (long k = 0; k < problem.depth; k += PACK_STEPS) {
      int n = (int) Math.min(PACK_STEPS, problem.depth - k);
      for (int c = 0; c < width; c++) {
        if (c < real) {
          b.load(from + c * b.lineBytes(), k, n, scratch, line);
        } else {
          Convert.fill(0, scratch, line, n);
        }
        spread(line, to + (k * width + c) * 4, width * 4, n);
      }
    }
  }

  private void spread(long line, long to, int stride, int n) {
    for (int i = 0; i < n; i++) {
      scratch.set(F32, to + (long) i * stride, scratch.get(F32, line + 4L * i));
    }
  }

  @Override
  public void run(int slice) {
    int slot = slots.take();
    try {
      rows(
          slice / problem.rowBlocks(),
          slice % problem.rowBlocks(),
          slots.offset(slot),
          kernels[slot]);
    } finally {
      slots.give(slot);
    }
  }

  private void rows(int matrix, int block, long slot, MicroKernel kernel) {
    long r0 = (long) block * PANEL;
    int rows = (int) Math.min(PANEL, problem.rows - r0);
    for (long c0 = 0; c0 < problem.columns; c0 += COLUMNS) {
      int columns = (int) Math.min(COLUMNS, problem.padded() - c0);
      clear(slot + SUMS, columns);
      for (long k0 = 0; k0 < problem.depth; k0 += DEPTH) {
        int kc = (int) Math.min(DEPTH, problem.depth - k0);
        if (c0 == 0 || problem.depth > DEPTH) {
          unpack(matrix, r0, rows, k0, kc, slot);
        }
        multiply(kernel, matrix, rows, c0, columns, k0, kc, slot);
      }
      int real = (int) Math.min(columns, problem.columns - c0);
      if (target.rowBytes == target.dtype.blockBytes()) {
        storeColumns(matrix, r0, rows, c0, real, slot);
      } else {
        storeRows(matrix, r0, rows, c0, real, slot);
      }
    }
  }

  private void clear(long sums, int columns) {
    for (int r = 0; r < PANEL; r++) {
      Convert.fill(0, scratch, sums + r * TILE_STRIDE, columns);
    }
  }

  /** Rows of A as F32 [64][DEPTH]; rows that fill up the last 8 are zero. */
  private void unpack(int matrix, long r0, int rows, long k0, int kc, long slot) {
    long from = aOffsets[matrix] + r0 * problem.a.lineBytes();
    for (int r = 0; r < rows; r++) {
      problem.a.load(from + r * problem.a.lineBytes(), k0, kc, scratch, slot + r * ROW_BYTES);
    }
    for (int r = rows; r % ROWS != 0; r++) {
      Convert.fill(0, scratch, slot + r * ROW_BYTES, kc);
    }
  }

  private void multiply(
      MicroKernel kernel, int matrix, int rows, long c0, int columns, long k0, int kc, long slot) {
    for (int c = 0; c < columns; c += BLOCK) {
      int width = Math.min(BLOCK, columns - c);
      long packed = matrix * problem.packedBytes() + ((c0 + c) * problem.depth + k0 * width) * 4;
      long sums = slot + SUMS + 4L * c;
      for (int r = 0; r < rows; r += ROWS) {
        kernel.run(
            width / Simd.L,
            kc,
            scratch,
            slot + r * ROW_BYTES,
            scratch,
            packed,
            sums + r * TILE_STRIDE,
            TILE_STRIDE);
      }
    }
  }

  /** C is [r, c] in memory. */
  private void storeRows(int matrix, long r0, int rows, long c0, int columns, long slot) {
    for (int r = 0; r < rows; r++) {
      long from = slot + SUMS + r * TILE_STRIDE;
      long to = cOffsets[matrix] + (r0 + r) * target.rowBytes + c0 * target.columnBytes;
      Convert.narrow(target.dtype, scratch, from, target.segment, to, columns);
    }
  }

  /** C is [c, r] in memory. */
  private void storeColumns(int matrix, long r0, int rows, long c0, int columns, long slot) {
    long line = slot + LINE;
    for (int c = 0; c < columns; c++) {
      long from = slot + SUMS + 4L * c;
      long to = cOffsets[matrix] + (c0 + c) * target.columnBytes + r0 * target.rowBytes;
      boolean direct = target.dtype == ScalarType.F32;
      MemorySegment d = direct ? target.segment : scratch;
      long at = direct ? to : line;
      if (bias == null) {
        for (int r = 0; r < rows; r++) {
          d.set(F32, at + 4L * r, scratch.get(F32, from + r * TILE_STRIDE));
        }
      } else {
        long b = r0 * biasType.blockBytes();
        for (int r = 0; r < rows; r++) {
          float x = Convert.scalar(biasType, bias, b + (long) r * biasType.blockBytes());
          d.set(F32, at + 4L * r, scratch.get(F32, from + r * TILE_STRIDE) + x);
        }
      }
      if (!direct) {
        Convert.narrow(target.dtype, scratch, line, target.segment, to, rows);
      }
    }
  }
}

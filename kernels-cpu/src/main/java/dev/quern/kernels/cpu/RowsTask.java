package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;

import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * y[m, n] = Σₖ x[m, k] · w[n, k] (+ bias[n]) for a few m: each weight is read from memory once and
 * multiplied with up to 8 rows of x in registers, along k, so that nothing is transposed and no
 * lane is padding. 8 × 2048 × 2048 in F32: 82 GFLOP/s on one core and 156 on two, where {@link
 * Gemm} reaches 37 and 72, half of each vector being padding.
 */
final class RowsTask extends SlicedTask {
  /** Rows of x that a tile holds, filled up with zeros; more go to {@link Gemm}. */
  static final int MAX_M = RowsKernel.X_ROWS;

  /** Elements of k in a pass: those of 8 rows of x stay in the first-level cache. */
  private static final int DEPTH = 1024;

  private static final long SLICES = 16;
  private static final long LEAST_BYTES = 64L << 10;
  private static final long MOST_BYTES = 288L << 10;

  /**
   * What to compute.
   *
   * @param x lines are the rows of x
   * @param w lines are rows; without gaps in themselves
   * @param m rows of x, at most MAX_M
   * @param n rows of w
   * @param k extent of the sum
   */
  record Problem(Matrix x, Matrix w, int m, long n, int k) {
    private boolean direct() {
      return w.dtype() == ScalarType.F32;
    }

    private long packedBytes() {
      return 4L * MAX_M * whole();
    }

    /** Elements of a row in whole vectors. */
    private int whole() {
      return k - k % Simd.L;
    }

    private long slotBytes() {
      return 4L * RowsKernel.W_ROWS * DEPTH;
    }

    /** Packed x, x's last elements, results to narrow, a place for each slice. */
    long scratchBytes(DType out) {
      return slotsAt(out) + Slots.bytes(slotBytes(), slices());
    }

    private long restAt() {
      return packedBytes();
    }

    private long resultsAt() {
      return restAt() + 4L * Simd.L * m;
    }

    private long slotsAt(DType out) {
      return resultsAt() + (out == ScalarType.F32 ? 0 : Math.ceilDiv(4L * m * n, 64) * 64);
    }

    /** Rows of w in a slice: a multiple of a tile's. */
    int sliceRows() {
      long rowBytes = Math.max(1, w.dtype().bytes(k));
      long bytes = Math.clamp(Math.ceilDiv(n * rowBytes, SLICES), LEAST_BYTES, MOST_BYTES);
      int most = Gemm.PANEL * Gemm.COLUMNS / (MAX_M * Simd.L) - RowsKernel.W_ROWS;
      long tiles = Math.ceilDiv(bytes, RowsKernel.W_ROWS * rowBytes);
      return Math.clamp(tiles, 1, most / RowsKernel.W_ROWS) * RowsKernel.W_ROWS;
    }

    int slices() {
      return Math.toIntExact(Math.max(1, Math.ceilDiv(n, sliceRows())));
    }
  }

  private final Problem problem;
  private final FewRows ends;
  private final MemorySegment scratch;
  private final MemorySegment y;
  private final long yAt;
  private final Slots slots;
  private final int sliceRows;

  RowsTask(TaskPool pool, MemorySegment scratch, Problem problem, FewRows ends) {
    super(pool, problem.slices());
    this.problem = problem;
    this.ends = ends;
    sliceRows = problem.sliceRows();
    slots = new Slots(scratch, problem.slotsAt(ends.dtype()), problem.slotBytes(), slices);
    this.scratch = slots.segment();
    this.y = ends.direct() ? ends.out() : this.scratch;
    this.yAt = ends.direct() ? 0 : problem.resultsAt();
  }

  @Override
  public void run() {
    pack();
    pool.parallelFor(slices, this);
  }

  /** x as [vector of k][8 rows]; rows that there are not are zero. */
  private void pack() {
    long line = slots.offset(0);
    int whole = problem.whole();
    for (int r = 0; r < MAX_M; r++) {
      long to = (long) r * Simd.VB;
      long from = ends.xStart() + r * problem.x.lineBytes();
      for (int k = 0; k < whole; k += DEPTH) {
        int n = Math.min(DEPTH, whole - k);
        if (r < problem.m) {
          problem.x.load(from, k, n, scratch, line);
        } else {
          Convert.fill(0, scratch, line, n);
        }
        spread(scratch, line, n, to + 4L * k * MAX_M);
      }
      if (r < problem.m && whole < problem.k) {
        long rest = problem.restAt() + (long) r * Simd.VB;
        problem.x.load(from, whole, problem.k - whole, scratch, rest);
      }
    }
  }

  private static void spread(MemorySegment s, long from, int n, long to) {
    for (int i = 0; i < n; i += Simd.L) {
      Simd.store(Simd.load(s, from + 4L * i), s, to + 4L * i * MAX_M);
    }
  }

  @Override
  public void run(int slice) {
    int slot = slots.take();
    GemmSpace space = GemmSpace.take();
    try {
      rows(slice, slots.offset(slot), space.sums);
    } finally {
      space.give();
      slots.give(slot);
    }
  }

  private void rows(int slice, long line, float[] lanes) {
    Matrix w = problem.w;
    long from = (long) slice * sliceRows;
    int rows = (int) Math.min(sliceRows, problem.n - from);
    long first = ends.wStart() + from * w.lineBytes();
    int whole = problem.whole();
    Arrays.fill(lanes, 0, rows * MAX_M * Simd.L, 0);
    for (int k = 0; k < whole; k += DEPTH) {
      int n = Math.min(DEPTH, whole - k);
      for (int r = 0; r < rows; r += RowsKernel.W_ROWS) {
        tile(
            first + r * w.lineBytes(), Math.min(RowsKernel.W_ROWS, rows - r), r, k, n, line, lanes);
      }
    }
    for (int i = 0; i < problem.m; i++) {
      long element = i * problem.n + from;
      finish(i, rows, first, yAt + 4 * element, lanes);
      ends.finish(y, yAt + 4 * element, rows, from, element);
    }
  }

  /** Adds n elements of k of three rows of w, or of as many as there are one by one. */
  private void tile(long at, int real, int r, int k, int n, long line, float[] lanes) {
    Matrix w = problem.w;
    MemorySegment s = w.segment();
    long from = at + w.dtype().bytes(k);
    long far = w.lineBytes();
    if (!problem.direct()) {
      for (int i = 0; i < real; i++) {
        Unpack.run(w.dtype(), w.segment(), from + i * far, scratch, line + 4L * i * DEPTH, n);
      }
      s = scratch;
      from = line;
      far = 4L * DEPTH;
    }
    int step = MAX_M * Simd.L;
    long x = 4L * k * MAX_M;
    if (real == RowsKernel.W_ROWS) {
      RowsKernel.three(n / Simd.L, s, from, far, scratch, x, lanes, r * step, step);
    } else {
      for (int i = 0; i < real; i++) {
        RowsKernel.one(n / Simd.L, s, from + i * far, scratch, x, lanes, (r + i) * step);
      }
    }
  }

  /** The lanes of row i of x added up, and what the vectors left. */
  private void finish(int i, int rows, long first, long to, float[] lanes) {
    for (int r = 0; r < rows; r++) {
      y.set(F32, to + 4L * r, Simd.sum(lanes, (r * MAX_M + i) * Simd.L));
    }
    if (problem.whole() < problem.k) {
      for (int r = 0; r < rows; r++) {
        y.set(
            F32, to + 4L * r, rest(i, first + r * problem.w.lineBytes(), y.get(F32, to + 4L * r)));
      }
    }
  }

  private float rest(int i, long row, float sum) {
    float s = sum;
    DType type = problem.w.dtype();
    for (int k = problem.whole(); k < problem.k; k++) {
      float v = Convert.scalar(type, problem.w.segment(), row + k * (long) type.blockBytes());
      long at = problem.restAt() + (long) i * Simd.VB + 4L * (k - problem.whole());
      s = Math.fma(v, scratch.get(F32, at), s);
    }
    return s;
  }
}

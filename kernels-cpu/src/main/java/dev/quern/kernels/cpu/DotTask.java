package dev.quern.kernels.cpu;

import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * y[m, n] = Σₖ x[m, k] · w[n, k] (+ bias[n]) for few m: each weight is read from memory once.
 *
 * <p>Loop nest: in parallel over runs of rows of w, a sixteenth of them or 288 KiB, so that they
 * stay in the second-level cache; over m; {@link DotRows}.
 *
 * <p>Where a slice begins, four streams begin, and the memory waits: slices of 64, 128 and 256 KiB
 * read 15.8, 17.4 and 18.5 GB/s (Q8_0, two cores, mapped file); of 1 MiB one core is done before
 * the other.
 */
final class DotTask extends SlicedTask {
  /** With more rows of x than this, unpacking the weights for {@link Gemm} pays. */
  static final int MAX_M = 4;

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
    private boolean xDirect() {
      return x.dtype() == ScalarType.F32 && x.linesContiguous() && !DotRows.splits(w.dtype());
    }

    /** Widened x, a row to reorder, results to narrow. */
    long scratchBytes(DType out) {
      return lines() * 4L * k + (out == ScalarType.F32 ? 0 : 4L * m * n);
    }

    /** Rows of x that scratch holds. */
    private int lines() {
      return (xDirect() ? 0 : m) + (DotRows.splits(w.dtype()) ? 1 : 0);
    }

    /** Rows of w in a slice: a multiple of 4. */
    long sliceRows() {
      long rowBytes = Math.max(1, w.dtype().bytes(k));
      long bytes = Math.clamp(Math.ceilDiv(n * rowBytes, SLICES), LEAST_BYTES, MOST_BYTES);
      return Math.clamp(Math.ceilDiv(bytes, 4 * rowBytes) * 4, 4, 4096);
    }

    int slices() {
      return Math.toIntExact(Math.max(1, Math.ceilDiv(n, sliceRows())));
    }
  }

  private final Problem problem;
  private final FewRows ends;
  private final MemorySegment x;
  private final long xAt;
  private final long xStride;
  private final MemorySegment y;
  private final long yAt;
  private final Slots slots;
  private final DotRows[] dots;
  private final float[][] xSums;
  private final long sliceRows;

  DotTask(TaskPool pool, MemorySegment scratch, Problem problem, FewRows ends) {
    super(pool, problem.slices());
    this.problem = problem;
    this.ends = ends;
    sliceRows = problem.sliceRows();
    slots = new Slots(scratch, 0, 0, slices);
    dots = new DotRows[slots.count()];
    Arrays.setAll(dots, i -> new DotRows(problem.w.dtype(), problem.k));
    xSums = new float[problem.m][DotRows.sumCount(problem.w.dtype(), problem.k)];
    boolean direct = problem.xDirect();
    this.x = direct ? problem.x.segment() : scratch;
    this.xAt = direct ? ends.xStart() : 0;
    this.xStride = direct ? problem.x.lineBytes() : 4L * problem.k;
    this.y = ends.direct() ? ends.out() : scratch;
    this.yAt = ends.direct() ? 0 : 4L * problem.lines() * problem.k;
  }

  @Override
  public void run() {
    if (!problem.xDirect() && problem.k > 0) { // lines of no k have strides, and no memory
      for (int i = 0; i < problem.m; i++) {
        widen(ends.xStart() + i * problem.x.lineBytes(), i * xStride);
      }
    }
    for (int i = 0; i < problem.m; i++) {
      DotRows.sums(problem.w.dtype(), x, xAt + i * xStride, problem.k, xSums[i]);
    }
    pool.parallelFor(slices, this);
  }

  private void widen(long from, long to) {
    if (DotRows.splits(problem.w.dtype())) {
      long line = problem.m * xStride;
      problem.x.load(from, 0, problem.k, x, line);
      DotFloats.split(x, line, problem.k, x, to);
    } else {
      problem.x.load(from, 0, problem.k, x, to);
    }
  }

  @Override
  public void run(int slice) {
    int slot = slots.take();
    try {
      rows(slice, dots[slot]);
    } finally {
      slots.give(slot);
    }
  }

  private void rows(int slice, DotRows dot) {
    Matrix w = problem.w;
    long from = slice * sliceRows;
    int rows = (int) Math.min(sliceRows, problem.n - from);
    long first = ends.wStart() + from * w.lineBytes();
    for (int i = 0; i < problem.m; i++) {
      long element = i * problem.n + from;
      long to = yAt + 4 * element;
      long xi = xAt + i * xStride;
      dot.run(
          w.dtype(), w.segment(), first, w.lineBytes(), rows, x, xi, problem.k, xSums[i], y, to);
      ends.finish(y, to, rows, from, element);
    }
  }
}

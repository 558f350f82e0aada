package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Precision;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * MatMul of F32 by F32 on AMX tiles: y[..., m, n] = Σₖ a[..., m, k] · b[..., k, n]. Either exact,
 * both operands cut into BF16 terms that lose nothing ({@code gemm_split.c}), or, under precision
 * BF16, rounded ({@code gemm_bf16.c}).
 *
 * <p>b is brought into the order of tiles first, each of its matrices once, {@value #CUT_ELEMENTS}
 * elements to a slice; a on the way, by each slice. So the larger matrix had better be a: where b
 * is (many columns, few rows of a), bᵀ · aᵀ is computed and stored transposed. A batch that shares
 * one b is one matrix of more rows.
 *
 * <p>Slices are up to {@value #ROWS} rows and {@value #COLUMNS} columns, and at least {@value
 * #SHARES} of them where rows allow: gradients of weights have few rows and columns and a long k.
 * The cut depends on the shape alone.
 */
final class TileGemm implements Runnable {
  /** Rows, columns and depth from which this pays: a tile of each. */
  private static final long LEAST = 16;

  private static final long ROWS = 256;
  private static final long COLUMNS = 512;
  private static final long SHARES = 8;
  private static final long CUT_ELEMENTS = 32 * 1024;

  /** Columns that belong together in tiles, and elements along k. */
  private static final long GROUP = 32;

  /** A gathered row's elements must be within 2 GiB of each other. */
  private static final long MOST_STRIDE = 1 << 24;

  /** Bytes for b in tiles, beyond which they are not worth their memory. */
  private static final long MOST_BYTES = 256L << 20;

  private static final long EXACT_BYTES = 6; // of an element in three terms
  private static final long ROUNDED_BYTES = 2;

  /** The two matrices of a product, as strides in elements; b's first, if y is its transpose. */
  private record Operands(
      TensorView a,
      long aRow,
      long aK,
      TensorView b,
      long bK,
      long bColumn,
      long m,
      long n,
      long k,
      boolean across) {

    static Operands of(TensorView left, TensorView right) {
      long k = left.shape().dim(-1);
      long n = right.shape().dim(-1);
      boolean rows = isOneMatrix(left, right);
      long m = rows ? left.shape().elements() / k : left.shape().dim(-2);
      long row = rows ? k : left.layout().stride(-2);
      long step = left.layout().stride(-1);
      long bK = right.layout().stride(-2);
      long column = right.layout().stride(-1);
      boolean turns = m < n && (row == 1 || step == 1) && (bK == 1 || column == 1);
      return turns
          ? new Operands(right, column, bK, left, step, row, n, m, k, true)
          : new Operands(left, row, step, right, bK, column, m, n, k, false);
    }

    boolean aContiguous() {
      return aRow == 1 || aK == 1;
    }

    boolean bContiguous() {
      return bK == 1 || bColumn == 1;
    }

    /** Whether the rows of b have no gaps, rather than its columns. */
    boolean byRows() {
      return bColumn == 1;
    }
  }

  private final MemorySegment product;
  private final MemorySegment cut;
  private final MemorySegment a; // (..., m, k), from its segment's start
  private final MemorySegment b; // (..., k, n), likewise
  private final MemorySegment y; // (..., m, n), no gaps; across: (..., n, m)
  private final MemorySegment tiles; // (matrices of b, n, k)
  private final Operands of;
  private final long[] aOffsets;
  private final int[] matrix; // of b, for each batch
  private final long[] matrices; // their offsets
  private final long bStride; // bytes between rows, or columns if those are contiguous
  private final long columnStride; // bytes from group's column to column in b
  private final long columnBytes;
  private final long matrixBytes;
  private final long rows;
  private final long cutColumns;
  private final int cutSlices;
  private final int rowSlices;
  private final int columnSlices;
  private final long scratchBytes;
  private final TaskPool pool;
  private final TaskPool.Task cutTask = this::cut;
  private final TaskPool.Task multiplyTask = this::multiply;

  TileGemm(Functions functions, KernelArgs args) {
    boolean rounded = rounded(args.precision());
    of = Operands.of(args.input(0), args.input(1));
    Shape batch = batch(args.input(0), args.input(1), args.output());
    String kernel = rounded ? "gemm_bf16_f32" : "gemm_bf16x3_f32";
    product = functions.get(of.across ? kernel + "_across" : kernel).address();
    cut = functions.get(cutter(rounded, of.byRows())).address();
    a = of.a.segment();
    b = of.b.segment();
    y = args.output().base();
    tiles = args.scratch();
    aOffsets = Batches.positions(batch, of.a);
    long[] bOffsets = Batches.positions(batch, of.b);
    matrices = Arrays.stream(bOffsets).distinct().sorted().toArray();
    matrix = Arrays.stream(bOffsets).mapToInt(o -> Arrays.binarySearch(matrices, o)).toArray();
    bStride = (of.byRows() ? of.bK : of.bColumn) * Float.BYTES;
    columnStride = of.bColumn * Float.BYTES;
    columnBytes = columnBytes(of.k, rounded);
    matrixBytes = matrixBytes(of.n, of.k, rounded);
    columnSlices = Math.toIntExact(Math.ceilDiv(of.n, COLUMNS));
    long shares = Math.max(Math.ceilDiv(SHARES, columnSlices), Math.ceilDiv(of.m, ROWS));
    rows = Math.ceilDiv(of.m, shares * GROUP) * GROUP;
    cutColumns = Math.max(1, CUT_ELEMENTS / of.k / GROUP) * GROUP;
    cutSlices = Math.toIntExact(Math.ceilDiv(of.n, cutColumns));
    rowSlices = Math.toIntExact(Math.ceilDiv(of.m, rows));
    scratchBytes = functions.productScratchBytes(of.k);
    pool = args.pool();
  }

  private static boolean rounded(Precision p) {
    return p == Precision.BF16;
  }

  private static String cutter(boolean rounded, boolean byRows) {
    if (byRows) {
      return rounded ? "gemm_columns_bf16" : "gemm_columns_f32";
    }
    return rounded ? "convert_f32_bf16_tiles" : "convert_f32_bf16x3_tiles";
  }

  /** Whether all batches are rows of one matrix: a without gaps, and one b for all. */
  private static boolean isOneMatrix(TensorView a, TensorView b) {
    long matrix = b.shape().dim(-1) * b.shape().dim(-2);
    return a.shape().rank() > 2 && a.layout().isContiguous() && b.shape().elements() == matrix;
  }

  /** The leading axes; none where they are rows. */
  private static Shape batch(TensorView a, TensorView b, TensorView y) {
    Shape s = y.shape();
    return isOneMatrix(a, b) ? Shape.SCALAR : s.slice(0, s.rank() - 2);
  }

  /**
   * Whether it takes these operands: of some size, and b's rows or columns contiguous; to be
   * rounded, also a's.
   */
  static boolean takes(
      Functions functions, TensorView a, TensorView b, TensorView y, Precision precision) {
    if (Math.min(a.shape().dim(-1), b.shape().dim(-1)) < LEAST
        || functions.find("gemm_bf16x3_f32").isEmpty()) {
      return false;
    }
    Operands o = Operands.of(a, b);
    return Math.min(o.m, o.n) >= LEAST
        && o.bContiguous()
        && (o.aContiguous() || (!rounded(precision) && Math.abs(o.aK) <= MOST_STRIDE))
        && scratchBytes(a, b, y, precision) <= MOST_BYTES;
  }

  /** Bytes for b in tiles. */
  static long scratchBytes(TensorView a, TensorView b, TensorView y, Precision precision) {
    Operands o = Operands.of(a, b);
    long count = Arrays.stream(Batches.offsets(batch(a, b, y), o.b)).distinct().count();
    return count * matrixBytes(o.n, o.k, rounded(precision));
  }

  private static long columnBytes(long k, boolean rounded) {
    return Math.ceilDiv(k, GROUP) * GROUP * (rounded ? ROUNDED_BYTES : EXACT_BYTES);
  }

  private static long matrixBytes(long n, long k, boolean rounded) {
    return Math.ceilDiv(n, GROUP) * GROUP * columnBytes(k, rounded);
  }

  @Override
  public void run() {
    pool.parallelFor(Math.multiplyExact(matrices.length, cutSlices), cutTask);
    pool.parallelFor(
        Math.multiplyExact(Math.multiplyExact(aOffsets.length, rowSlices), columnSlices),
        multiplyTask);
  }

  private void cut(int slice) {
    int which = slice / cutSlices;
    long column = slice % cutSlices * cutColumns;
    Calls.rows(
        cut,
        b.asSlice(matrices[which] + column * columnStride),
        bStride,
        tiles.asSlice(which * matrixBytes + column * columnBytes),
        columnBytes,
        Math.min(cutColumns, of.n - column),
        of.k);
  }

  private void multiply(int slice) {
    int column = slice % columnSlices;
    int rest = slice / columnSlices;
    int batch = rest / rowSlices;
    long row = rest % rowSlices * rows;
    long n0 = column * COLUMNS;
    long ldy = of.across ? of.m : of.n;
    MemorySegment scratch = Scratch.take(scratchBytes);
    Calls.gemm(
        product,
        a.asSlice(aOffsets[batch] + row * of.aRow * Float.BYTES),
        of.aRow,
        of.aK,
        tiles.asSlice(matrix[batch] * matrixBytes),
        0,
        columnBytes,
        y.asSlice((batch * of.m * of.n + (of.across ? row : row * ldy)) * Float.BYTES),
        ldy,
        Math.min(rows, of.m - row),
        n0,
        Math.min(n0 + COLUMNS, of.n),
        of.k,
        scratch);
    Scratch.give(scratch);
  }
}

package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * MatMul of F32 by F32 on AMX tiles, both operands cut into BF16 terms that lose nothing: y[..., m,
 * n] = Σₖ a[..., m, k] · b[..., k, n]; {@code gemm_split.c}.
 *
 * <p>b is cut first, each of its matrices once, {@value #CUT_ELEMENTS} elements to a slice. Then
 * slices of up to {@value #ROWS} rows and {@value #COLUMNS} columns are multiplied. The cut depends
 * on the shape alone.
 */
final class SplitGemm implements Runnable {
  /** Rows, columns and depth from which this pays: a tile of each. */
  private static final long LEAST = 16;

  private static final long ROWS = 256;
  private static final long COLUMNS = 512;
  private static final long CUT_ELEMENTS = 32 * 1024;

  /** Columns that belong together in tiles, and elements along k. */
  private static final long GROUP = 32;

  /** Bytes of an element in three terms. */
  private static final long TERMS = 6;

  /** A gathered row's elements must be within 2 GiB of each other. */
  private static final long MOST_STRIDE = 1 << 24;

  /** Bytes for the terms of b, beyond which they are not worth their memory. */
  private static final long MOST_BYTES = 256L << 20;

  private final MemorySegment product;
  private final MemorySegment cut;
  private final MemorySegment a; // (..., m, k), from its segment's start
  private final MemorySegment b; // (..., k, n), likewise
  private final MemorySegment y; // (..., m, n), no gaps
  private final MemorySegment tiles; // (matrices of b, n, k) in terms
  private final long[] aOffsets;
  private final int[] matrix; // of b, for each batch
  private final long[] matrices; // their offsets
  private final long aRow;
  private final long aK;
  private final long bStride; // bytes between rows, or columns if those are contiguous
  private final long columnStride; // bytes from group's column to column in b
  private final long m;
  private final long n;
  private final long k;
  private final long columnBytes;
  private final long rows;
  private final long cutColumns;
  private final int cutSlices;
  private final int rowSlices;
  private final int columnSlices;
  private final long scratchBytes;
  private final TaskPool pool;
  private final TaskPool.Task cutTask = this::cut;
  private final TaskPool.Task multiplyTask = this::multiply;

  SplitGemm(Functions functions, KernelArgs args) {
    TensorView left = args.input(0);
    TensorView right = args.input(1);
    Shape s = args.output().shape();
    Shape batch = s.slice(0, s.rank() - 2);
    boolean byRows = right.layout().stride(-1) == 1;
    product = functions.get("gemm_bf16x3_f32").address();
    cut = functions.get(byRows ? "gemm_columns_f32" : "convert_f32_bf16x3_tiles").address();
    a = left.segment();
    b = right.segment();
    y = args.output().base();
    tiles = args.scratch();
    aOffsets = Batches.positions(batch, left);
    long[] bOffsets = Batches.positions(batch, right);
    matrices = Arrays.stream(bOffsets).distinct().sorted().toArray();
    matrix = Arrays.stream(bOffsets).mapToInt(o -> Arrays.binarySearch(matrices, o)).toArray();
    aRow = left.layout().stride(-2);
    aK = left.layout().stride(-1);
    bStride = right.layout().stride(byRows ? -2 : -1) * Float.BYTES;
    columnStride = right.layout().stride(-1) * Float.BYTES;
    m = s.dim(-2);
    n = s.dim(-1);
    k = left.shape().dim(-1);
    columnBytes = columnBytes(k);
    rows = Math.clamp(Math.ceilDiv(m, 8) / GROUP * GROUP, GROUP, ROWS);
    cutColumns = Math.max(1, CUT_ELEMENTS / k / GROUP) * GROUP;
    cutSlices = Math.toIntExact(Math.ceilDiv(n, cutColumns));
    rowSlices = Math.toIntExact(Math.ceilDiv(m, rows));
    columnSlices = Math.toIntExact(Math.ceilDiv(n, COLUMNS));
    scratchBytes = functions.productScratchBytes(k);
    pool = args.pool();
  }

  /** Whether it takes these operands: of some size, and b's rows or columns contiguous. */
  static boolean takes(Functions functions, TensorView a, TensorView b, TensorView y) {
    long k = a.shape().dim(-1);
    long rowStep = b.layout().stride(-2);
    long columnStep = b.layout().stride(-1);
    return functions.find("gemm_bf16x3_f32").isPresent()
        && Math.min(k, Math.min(a.shape().dim(-2), b.shape().dim(-1))) >= LEAST
        && (rowStep == 1 || columnStep == 1)
        && Math.abs(a.layout().stride(-1)) <= MOST_STRIDE
        && scratchBytes(b, y) <= MOST_BYTES;
  }

  /** Bytes for b's terms. */
  static long scratchBytes(TensorView b, TensorView y) {
    Shape s = y.shape();
    long matrices = Arrays.stream(Batches.offsets(s.slice(0, s.rank() - 2), b)).distinct().count();
    return matrices * matrixBytes(s.dim(-1), b.shape().dim(-2));
  }

  private static long columnBytes(long k) {
    return Math.ceilDiv(k, GROUP) * GROUP * TERMS;
  }

  private static long matrixBytes(long n, long k) {
    return Math.ceilDiv(n, GROUP) * GROUP * columnBytes(k);
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
        tiles.asSlice(which * matrixBytes(n, k) + column * columnBytes),
        columnBytes,
        Math.min(cutColumns, n - column),
        k);
  }

  private void multiply(int slice) {
    int column = slice % columnSlices;
    int rest = slice / columnSlices;
    int batch = rest / rowSlices;
    long row = rest % rowSlices * rows;
    long n0 = column * COLUMNS;
    MemorySegment scratch = Scratch.take(scratchBytes);
    Calls.gemm(
        product,
        a.asSlice(aOffsets[batch] + row * aRow * Float.BYTES),
        aRow,
        aK,
        tiles.asSlice(matrix[batch] * matrixBytes(n, k)),
        0,
        columnBytes,
        y.asSlice((batch * m + row) * n * Float.BYTES),
        n,
        Math.min(rows, m - row),
        n0,
        Math.min(n0 + COLUMNS, n),
        k,
        scratch);
    Scratch.give(scratch);
  }
}

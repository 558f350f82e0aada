package dev.quern.kernels.ffm;

import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Precision;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A product of F32 by F32 on AMX tiles. Either exact, both operands cut into BF16 terms that lose
 * nothing ({@code gemm_split.c}), or, under precision BF16, rounded ({@code gemm_bf16.c}).
 *
 * <p>b is brought into the order of tiles first, each of its matrices once, {@value #CUT_ELEMENTS}
 * elements to a slice, rows or columns as they lie in memory; a on the way, by each slice.
 *
 * <p>Slices of products are up to {@value #ROWS} rows, {@value #ROWS_EXACT} of exact ones, and
 * {@value #COLUMNS} columns, or as many as stay in the second-level cache where no sums have to
 * wait there ({@value #PIECE} elements along k); and at least {@value #SHARES} where rows allow:
 * gradients of weights have few rows and columns and a long k. The cut depends on the shape alone.
 */
final class TileGemm {
  /** Rows, columns and depth from which this pays: a tile of each. */
  private static final long LEAST = 16;

  /** The same for the rows of a linear map, whose weights are brought into tiles for each call. */
  private static final long LEAST_ROWS = 256;

  private static final long ROWS = 512;
  private static final long ROWS_EXACT = 256;
  private static final long COLUMNS = 512;
  private static final long SHARES = 8;
  private static final long CUT_ELEMENTS = 16 * 1024;

  /** Elements along k that a rounded product needs no waiting sums for in either order of a. */
  private static final long PIECE = 384;

  private static final long NEAR_BYTES = 1280 << 10;

  /** Columns that belong together in tiles, and elements along k. */
  private static final long GROUP = 32;

  /** A gathered row's elements must be within 2 GiB of each other. */
  private static final long MOST_STRIDE = 1 << 24;

  /** Bytes for b in tiles, beyond which they are not worth their memory. */
  private static final long MOST_BYTES = 256L << 20;

  private static final long EXACT_BYTES = 6; // of an element in three terms
  private static final long ROUNDED_BYTES = 2;

  /**
   * What results are made of and where they go.
   *
   * @param y (..., m, n), no gaps; across: (..., n, m)
   * @param bias (n), or {@link MemorySegment#NULL}
   * @param other as y, or {@link MemorySegment#NULL}; both only of one rounded product that is not
   *     stored across
   * @param then what is done with {@code other}: 0 to add it, or as {@code gemm_bf16.c} says
   */
  record Result(MemorySegment y, MemorySegment bias, MemorySegment other, long then) {
    /** Nothing added. */
    static Result of(MemorySegment y) {
      return new Result(y, MemorySegment.NULL, MemorySegment.NULL, 0);
    }

    /** With a bias and a residual, or null. */
    Result plus(@Nullable MemorySegment addedBias, @Nullable MemorySegment addedResidual) {
      return new Result(y, orNone(addedBias), orNone(addedResidual), 0);
    }

    /** With a bias, or null, and another matrix. */
    Result with(@Nullable MemorySegment addedBias, MemorySegment matrix, long does) {
      return new Result(y, orNone(addedBias), matrix, does);
    }

    private static MemorySegment orNone(@Nullable MemorySegment s) {
      return s == null ? MemorySegment.NULL : s;
    }
  }

  private final TileOperands of;
  private final boolean rounded;
  private final MemorySegment product;
  private final MemorySegment cut;
  private final Result result;
  private final MemorySegment tiles; // (matrices of b, n, k)
  private final int[] matrix; // of b, for each batch
  private final long[] matrices; // their offsets
  private final long bStride; // bytes between rows, or columns if those are contiguous
  private final long columnBytes;
  private final long matrixBytes;
  private final long stepBytes; // of an element along k in a group's column
  private final long rows;
  private final long columns;
  private final long lines; // of b that a slice brings into tiles: rows, or columns
  private final int cutSlices;
  private final int rowSlices;
  private final int columnSlices;
  private final long scratchBytes;

  /**
   * A product.
   *
   * @param functions the library
   * @param of its operands, which {@link #takes} said yes to
   * @param precision BF16, or exact
   * @param result where it goes
   * @param tiles {@link #scratchBytes} of memory
   */
  TileGemm(
      Functions functions,
      TileOperands of,
      Precision precision,
      Result result,
      MemorySegment tiles) {
    this.of = of;
    this.rounded = isRounded(precision);
    this.result = result;
    this.tiles = tiles;
    String kernel = rounded ? "gemm_bf16_f32" : "gemm_bf16x3_f32";
    product = functions.get(of.across() ? kernel + "_across" : kernel).address();
    cut = functions.get(cutter(of, rounded)).address();
    matrices = Arrays.stream(of.bOffsets()).distinct().sorted().toArray();
    matrix = Arrays.stream(of.bOffsets()).mapToInt(o -> Arrays.binarySearch(matrices, o)).toArray();
    bStride = (of.isByRows() ? of.bK() : of.bColumn()) * Float.BYTES;
    columnBytes = columnBytes(of.k(), rounded);
    matrixBytes = matrixBytes(of, rounded);
    stepBytes = GROUP * (rounded ? ROUNDED_BYTES : EXACT_BYTES);
    long near = rounded && of.k() <= PIECE ? NEAR_BYTES / columnBytes : 0;
    columnSlices = Math.toIntExact(Math.ceilDiv(of.n(), Math.max(COLUMNS, near)));
    columns = Math.ceilDiv(of.n(), columnSlices * GROUP) * GROUP;
    long most = Math.ceilDiv(of.m(), rounded ? ROWS : ROWS_EXACT);
    long shares = Math.max(Math.ceilDiv(SHARES, columnSlices), most);
    rows = Math.ceilDiv(of.m(), shares * GROUP) * GROUP;
    rowSlices = Math.toIntExact(Math.ceilDiv(of.m(), rows));
    long across = of.isByRows() ? of.n() : of.k();
    lines = Math.max(1, CUT_ELEMENTS / across / GROUP) * GROUP;
    cutSlices = Math.toIntExact(Math.ceilDiv(of.isByRows() ? of.k() : of.n(), lines));
    scratchBytes = functions.productScratchBytes(of.k());
  }

  private static boolean isRounded(Precision p) {
    return p == Precision.BF16;
  }

  /** Rounded products want b on the left where the rows of a lie side by side. */
  private static String cutter(TileOperands of, boolean rounded) {
    if (!rounded) {
      return of.isByRows() ? "gemm_columns_f32" : "convert_f32_bf16x3_tiles";
    }
    if (of.isBeside()) {
      return of.isByRows() ? "gemm_left_columns_bf16" : "gemm_left_rows_bf16";
    }
    return of.isByRows() ? "gemm_columns_bf16" : "convert_f32_bf16_tiles";
  }

  /**
   * Whether it takes these operands: of some size, and b's rows or columns contiguous; to be
   * rounded, also a's.
   */
  static boolean takes(Functions functions, TileOperands o, Precision precision) {
    return Math.min(o.k(), Math.min(o.m(), o.n())) >= LEAST
        && functions.find("gemm_bf16x3_f32").isPresent()
        && o.isBContiguous()
        && (o.isAContiguous() || (!isRounded(precision) && Math.abs(o.aK()) <= MOST_STRIDE))
        && scratchBytes(o, precision) <= MOST_BYTES;
  }

  /** Whether a linear map of F32 weights is its, rather than {@link ProductPath}'s. */
  static boolean takesLinear(Functions functions, TileOperands o, Precision precision) {
    return isRounded(precision) && o.m() >= LEAST_ROWS && takes(functions, o, precision);
  }

  /** Bytes for b in tiles. */
  static long scratchBytes(TileOperands o, Precision precision) {
    long count = Arrays.stream(o.bOffsets()).distinct().count();
    return count * matrixBytes(o, isRounded(precision));
  }

  private static long columnBytes(long k, boolean rounded) {
    return Math.ceilDiv(k, GROUP) * GROUP * (rounded ? ROUNDED_BYTES : EXACT_BYTES);
  }

  private static long matrixBytes(TileOperands o, boolean rounded) {
    return Math.ceilDiv(o.n(), GROUP) * GROUP * columnBytes(o.k(), rounded);
  }

  /** The call of this product alone. */
  Stages alone(Functions functions, TaskPool pool) {
    return new Stages(pool, functions.fetch(), List.of(List.of(cutting()), List.of(multiplying())));
  }

  /** What is done first. */
  Part cutting() {
    return new Part() {
      @Override
      public int slices() {
        return Math.multiplyExact(matrices.length, cutSlices);
      }

      @Override
      public void run(int slice) {
        cut(slice);
      }
    };
  }

  /** What is done then. */
  Part multiplying() {
    return new Part() {
      @Override
      public int slices() {
        return Math.multiplyExact(
            Math.multiplyExact(of.aOffsets().length, rowSlices), columnSlices);
      }

      @Override
      public void run(int slice) {
        multiply(slice);
      }
    };
  }

  private void cut(int slice) {
    int which = slice / cutSlices;
    long line = slice % cutSlices * lines;
    boolean byRows = of.isByRows();
    Calls.rows(
        cut,
        Segments.from(of.b(), matrices[which] + line * bStride),
        bStride,
        Segments.from(tiles, which * matrixBytes + line * (byRows ? stepBytes : columnBytes)),
        columnBytes,
        byRows ? of.n() : Math.min(lines, of.n() - line),
        byRows ? Math.min(lines, of.k() - line) : of.k());
  }

  private void multiply(int slice) {
    int column = slice % columnSlices;
    int rest = slice / columnSlices;
    int batch = rest / rowSlices;
    long row = rest % rowSlices * rows;
    long n0 = column * columns;
    long n1 = Math.min(n0 + columns, of.n());
    long ldy = of.across() ? of.m() : of.n();
    long at = batch * of.m() * of.n() + (of.across() ? row : row * ldy);
    MemorySegment a = Segments.from(of.a(), of.aOffsets()[batch] + row * of.aRow() * Float.BYTES);
    MemorySegment b = Segments.from(tiles, matrix[batch] * matrixBytes);
    MemorySegment y = Segments.from(result.y, at * Float.BYTES);
    long m = Math.min(rows, of.m() - row);
    MemorySegment scratch = Scratch.take(scratchBytes);
    if (rounded) {
      MemorySegment other =
          result.other.equals(MemorySegment.NULL)
              ? result.other
              : Segments.from(result.other, at * Float.BYTES);
      Calls.gemmRounded(
          product,
          a,
          of.aRow(),
          of.aK(),
          b,
          columnBytes,
          y,
          ldy,
          m,
          n0,
          n1,
          of.k(),
          result.bias,
          other,
          result.then,
          scratch);
    } else {
      Calls.gemm(
          product, a, of.aRow(), of.aK(), b, 0, columnBytes, y, ldy, m, n0, n1, of.k(), scratch);
    }
    Scratch.give(scratch);
  }
}

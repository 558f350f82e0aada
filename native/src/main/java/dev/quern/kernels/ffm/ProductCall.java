package dev.quern.kernels.ffm;

import dev.quern.core.spi.TaskPool;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * One product y = x · Wᵀ (+ bias), cut in slices.
 *
 * <p>Activations are converted first, {@value #CONVERT_ELEMENTS} elements to a slice. The product
 * is cut by batch, by {@value #ROWS} rows (their BF16 activations stay in a 2 MiB second-level
 * cache up to k = 2048 while the panels pass) and by columns: {@value #PANEL_COLUMNS} for packed
 * kernels, about {@value #STREAM_BYTES} bytes of weights for streaming ones. The cut depends on the
 * shape alone.
 */
final class ProductCall implements Runnable {
  private static final long ROWS = 512;
  private static final long PANEL_COLUMNS = 256;
  private static final long STREAM_BYTES = 512 * 1024;
  private static final long CONVERT_ELEMENTS = 32 * 1024;

  /**
   * The operands of a product.
   *
   * @param x (m, k) F32 at each offset of {@code xOffsets}
   * @param xStride bytes from row to row
   * @param w (n, k) at each offset of {@code wOffsets}
   * @param wStride bytes from row to row
   * @param y (batch, m, n) F32 without gaps
   * @param bias (n) F32, or null
   * @param m rows
   * @param n columns
   * @param k depth
   * @param xOffsets bytes, one per batch
   * @param wOffsets bytes, one per batch
   */
  @SuppressWarnings("ArrayRecordComponent") // an internal bundle, never compared
  record Operands(
      MemorySegment x,
      long xStride,
      MemorySegment w,
      long wStride,
      MemorySegment y,
      @Nullable MemorySegment bias,
      long m,
      long n,
      long k,
      long[] xOffsets,
      long[] wOffsets) {}

  private final Operands o;
  private final ProductPath path;
  private final TaskPool pool;
  private final MemorySegment addBias;
  private final MemorySegment converted;
  private final long convertedStride;
  private final long convertedBatch;
  private final int convertSlices;
  private final long convertRows;
  private final long columns;
  private final int columnSlices;
  private final int rowSlices;
  private final long scratchBytes;
  private final TaskPool.Task convertTask = this::convert;
  private final TaskPool.Task multiplyTask = this::multiply;

  ProductCall(
      Functions functions, Operands o, ProductPath path, TaskPool pool, MemorySegment converted) {
    this.o = o;
    this.path = path;
    this.pool = pool;
    this.converted = converted;
    this.convertedStride = path.activation().rowBytes(o.k());
    this.convertedBatch = convertedStride * path.activation().rows(o.m());
    this.convertRows = path.activation().rows(Math.max(1, CONVERT_ELEMENTS / Math.max(1, o.k())));
    this.convertSlices =
        path.convert() == null ? 0 : Math.toIntExact(ceilDiv(o.m(), convertRows) * batches());
    this.columns = path.packs() ? panelColumns(o.n()) : streamColumns(o.n(), o.wStride());
    this.columnSlices = Math.toIntExact(ceilDiv(o.n(), columns));
    this.rowSlices = Math.toIntExact(ceilDiv(o.m(), ROWS));
    this.scratchBytes = path.packs() ? functions.productScratchBytes(o.k()) : 0;
    this.addBias = functions.get("add_bias").address();
  }

  /** Bytes of {@code converted} that a call needs. */
  static long convertedBytes(ProductPath path, long batches, long m, long k) {
    return path.convert() == null
        ? 0
        : path.activation().rowBytes(k) * path.activation().rows(m) * batches;
  }

  /** The widest panels, but enough of them to share out. */
  private static long panelColumns(long n) {
    long even = Math.ceilDiv(n, 8) / 32 * 32;
    return Math.clamp(even, 32, PANEL_COLUMNS);
  }

  /** Streams as long as they can be, but enough slices to share out. */
  private static long streamColumns(long n, long rowBytes) {
    long most = Math.max(8, STREAM_BYTES / Math.max(1, rowBytes) / 8 * 8);
    long even = Math.ceilDiv(n, 64) * 8; // eight slices
    return Math.clamp(even, 8, most);
  }

  private int batches() {
    return o.xOffsets().length;
  }

  private static long ceilDiv(long a, long b) {
    return (a + b - 1) / b;
  }

  @Override
  public void run() {
    if (convertSlices > 0) {
      pool.parallelFor(convertSlices, convertTask);
    }
    pool.parallelFor(Math.multiplyExact(batches() * rowSlices, columnSlices), multiplyTask);
  }

  private void convert(int slice) {
    var convert = path.convert();
    if (convert == null) {
      return;
    }
    int perBatch = convertSlices / batches();
    int batch = slice / perBatch;
    long row = slice % perBatch * convertRows;
    long rows = Math.min(convertRows, o.m() - row);
    Calls.rows(
        convert.address(),
        o.x().asSlice(o.xOffsets()[batch] + row * o.xStride()),
        o.xStride(),
        converted.asSlice(batch * convertedBatch + row * convertedStride),
        convertedStride,
        rows,
        o.k());
  }

  private void multiply(int slice) {
    int column = slice % columnSlices;
    int rest = slice / columnSlices;
    int batch = rest / rowSlices;
    long row = rest % rowSlices * ROWS;
    long rows = Math.min(ROWS, o.m() - row);
    long n0 = column * columns;
    long n1 = Math.min(n0 + columns, o.n());
    boolean converts = convertSlices > 0;
    MemorySegment x =
        converts
            ? at(converted, batch * convertedBatch + row * convertedStride)
            : at(o.x(), o.xOffsets()[batch] + row * o.xStride());
    MemorySegment y = at(o.y(), (batch * o.m() + row) * o.n() * Float.BYTES);
    MemorySegment w = at(o.w(), o.wOffsets()[batch]);
    long xStride = converts ? convertedStride : o.xStride();
    MemorySegment scratch = scratchBytes > 0 ? Scratch.take(scratchBytes) : MemorySegment.NULL;
    Calls.matmul(
        path.function().address(),
        x,
        xStride,
        w,
        o.wStride(),
        y,
        o.n(),
        rows,
        n0,
        n1,
        o.k(),
        scratch);
    if (scratchBytes > 0) {
      Scratch.give(scratch);
    }
    MemorySegment bias = o.bias();
    if (bias != null) {
      Calls.addBias(addBias, y, o.n(), bias, rows, n0, n1);
    }
  }

  /** The segment itself where nothing is cut off: a decode step then allocates nothing. */
  private static MemorySegment at(MemorySegment s, long offset) {
    return offset == 0 ? s : s.asSlice(offset);
  }
}

package dev.quern.kernels.ffm;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/** One product y = x · Wᵀ (+ bias) (+ residual), cut in slices. */
final class Product implements Part {
  /**
   * A right operand.
   *
   * @param base memory that holds its rows
   * @param stride bytes from row to row, negative where they run backwards
   * @param n rows, the columns of the result
   * @param offsets bytes from the base to the first row, one per batch
   */
  @SuppressWarnings("ArrayRecordComponent") // an internal bundle, never compared
  record Weight(MemorySegment base, long stride, long n, long[] offsets) {
    /** Rows from n0 to n1 of a batch, as kernels for few rows read them: so many streams. */
    List<MemorySegment> streams(int streams, int batch, long n0, long n1) {
      long bytes = (n1 - n0) / streams * stride;
      long first = offsets[batch] + n0 * stride;
      return LongStream.range(0, bytes > 0 ? streams : 0)
          .map(i -> first + i * bytes)
          .takeWhile(at -> at < base.byteSize()) // rows of no elements have strides, and no memory
          .mapToObj(at -> base.asSlice(at, Math.min(bytes, base.byteSize() - at)))
          .toList(); // where rows are apart, nothing follows the last one
    }
  }

  /**
   * A result.
   *
   * @param y (batch, m, n) without gaps
   * @param bytes of an element of y: 4 for F32, which bias and residual are too, 2 for BF16
   * @param bias (n), or null
   * @param residual (m, n), or null; of one batch
   */
  record Result(
      MemorySegment y, long bytes, @Nullable MemorySegment bias, @Nullable MemorySegment residual) {
    /** In F32. */
    static Result floats(
        MemorySegment y, @Nullable MemorySegment bias, @Nullable MemorySegment residual) {
      return new Result(y, Float.BYTES, bias, residual);
    }
  }

  private final ProductPath path;
  private final Activations x;
  private final Weight w;
  private final Result result;
  private final Cut cut;
  private final long scratchBytes;
  private final MemorySegment addBias;
  private final MemorySegment addRows;

  Product(Functions functions, ProductPath path, Activations x, Weight w, Result result) {
    this.path = path;
    this.x = x;
    this.w = w;
    this.result = result;
    this.cut =
        path.packs()
            ? Cut.panels(x.m(), w.n, x.k())
            : Cut.streams(x.m(), w.n, Math.abs(w.stride), path.streams());
    this.scratchBytes = path.packs() ? functions.productScratchBytes(x.k()) : 0;
    this.addBias = functions.get("add_bias").address();
    this.addRows = functions.get("add_rows").address();
  }

  @Override
  public int slices() {
    return cut.slices(x.batches());
  }

  @Override
  public List<MemorySegment> streams(int slice) {
    if (path.packs()) {
      return List.of();
    }
    long n0 = cut.column(slice);
    return w.streams(path.streams(), cut.batch(slice), n0, cut.endColumn(n0));
  }

  @Override
  public void run(int slice) {
    int batch = cut.batch(slice);
    long row = cut.row(slice);
    long rows = cut.rows(row);
    long n0 = cut.column(slice);
    long n1 = cut.endColumn(n0);
    long at = (batch * x.m() + row) * w.n * result.bytes;
    MemorySegment y = Segments.from(result.y, at);
    MemorySegment scratch = scratchBytes > 0 ? Scratch.take(scratchBytes) : MemorySegment.NULL;
    Calls.matmul(
        path.function().address(),
        x.at(batch, row),
        x.stride(),
        Segments.from(w.base, w.offsets[batch]),
        w.stride,
        y,
        w.n,
        rows,
        n0,
        n1,
        x.k(),
        scratch);
    if (scratchBytes > 0) {
      Scratch.give(scratch);
    }
    MemorySegment bias = result.bias;
    if (bias != null) {
      Calls.addToRows(addBias, y, w.n, bias, rows, n0, n1);
    }
    MemorySegment residual = result.residual;
    if (residual != null) {
      Calls.addToRows(addRows, y, w.n, Segments.from(residual, at), rows, n0, n1);
    }
  }
}

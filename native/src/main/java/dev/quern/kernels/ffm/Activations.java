package dev.quern.kernels.ffm;

import dev.quern.kernels.ffm.Functions.Function;
import dev.quern.kernels.ffm.ProductPath.Activation;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The left operand of products: F32 or BF16 rows as they come, or what they are converted to first,
 * {@value #ELEMENTS} elements to a slice.
 */
final class Activations implements Part {
  private static final long ELEMENTS = 32 * 1024;

  /**
   * Rows as a tensor has them.
   *
   * @param base memory that holds them
   * @param stride bytes from row to row, negative where they run backwards
   * @param offsets bytes from the base to the first, one per batch
   * @param m rows of a batch
   * @param k elements of a row
   */
  @SuppressWarnings("ArrayRecordComponent") // an internal bundle, never compared
  record Rows(MemorySegment base, long stride, long[] offsets, long m, long k) {
    /** m rows of F32 one after the other. */
    static Rows contiguous(MemorySegment base, long m, long k) {
      return new Rows(base, k * Float.BYTES, new long[1], m, k);
    }
  }

  private final Rows rows;
  private final @Nullable Function convert;
  private final MemorySegment converted;
  private final long stride;
  private final long batchBytes;
  private final long sliceRows;
  private final int slices;

  private Activations(Rows rows, Activation format, @Nullable Function convert, MemorySegment to) {
    this.rows = rows;
    this.convert = convert;
    this.converted = to;
    boolean asTheyAre = format == Activation.F32;
    this.stride = asTheyAre ? rows.stride : format.rowBytes(rows.k);
    this.batchBytes = asTheyAre ? 0 : bytes(format, 1, rows.m, rows.k);
    this.sliceRows = format.rows(Math.max(1, ELEMENTS / Math.max(1, rows.k)));
    this.slices =
        convert == null
            ? 0
            : Math.toIntExact(Math.ceilDiv(rows.m, sliceRows) * rows.offsets.length);
  }

  /**
   * Rows as a kernel reads them.
   *
   * @param rows what there is
   * @param path of the products
   * @param to {@link #bytes} of memory
   */
  static Activations of(Rows rows, ProductPath path, MemorySegment to) {
    return new Activations(rows, path.activation(), path.convert(), to);
  }

  /** Rows that another part writes into {@code memory} as the path's kernel reads them. */
  static Activations written(MemorySegment memory, ProductPath path, long m, long k) {
    return new Activations(Rows.contiguous(memory, m, k), path.activation(), null, memory);
  }

  /** Bytes that converted rows take; 0 for those that stay as they are. */
  static long bytes(Activation format, long batches, long m, long k) {
    return format == Activation.F32 ? 0 : format.rowBytes(k) * format.rows(m) * batches;
  }

  int batches() {
    return rows.offsets.length;
  }

  long m() {
    return rows.m;
  }

  long k() {
    return rows.k;
  }

  /** Bytes from row to row, as kernels read them. */
  long stride() {
    return stride;
  }

  /** A row as kernels read it. The segment itself where nothing is cut off. */
  MemorySegment at(int batch, long row) {
    return batchBytes == 0
        ? Segments.from(rows.base, rows.offsets[batch] + row * stride)
        : Segments.from(converted, batch * batchBytes + row * stride);
  }

  @Override
  public int slices() {
    return slices;
  }

  @Override
  public void run(int slice) {
    Function f = convert;
    if (f == null) {
      return;
    }
    int perBatch = slices / batches();
    int batch = slice / perBatch;
    long row = slice % perBatch * sliceRows;
    Calls.rows(
        f.address(),
        Segments.from(rows.base, rows.offsets[batch] + row * rows.stride),
        rows.stride,
        at(batch, row),
        stride,
        Math.min(sliceRows, rows.m - row),
        rows.k);
  }
}

package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.DataOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * y[i, :] = table[ids[i], :], rows copied, or unpacked to F32 by the C conversions; a table is read
 * only where ids point.
 *
 * <p>table: (V, D) with rows without gaps; ids without gaps. Slices of about {@value #ELEMENTS}
 * elements.
 */
final class EmbeddingKernel implements Kernel {
  private static final long ELEMENTS = 32 * 1024;

  private final Functions.@Nullable Function convert;
  private final String name;

  private EmbeddingKernel(Functions.@Nullable Function convert, DType table) {
    this.convert = convert;
    this.name =
        "embedding " + table.name() + (convert == null ? "" : " " + convert.tier().suffix());
  }

  /** The kernel for a signature, or null if there is none. */
  static @Nullable EmbeddingKernel of(Functions functions, KernelSignature s) {
    DType table = s.inputs().getFirst();
    String symbol = Weights.symbol(table);
    if (symbol == null
        || s.layouts().getFirst().compareTo(LayoutClass.ROWS) > 0
        || s.layouts().get(1) != LayoutClass.CONTIGUOUS) {
      return null;
    }
    boolean copies = s.outputs().getFirst() == table;
    return new EmbeddingKernel(copies ? null : functions.get("convert_" + symbol + "_f32"), table);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(args, convert == null ? null : convert.address());
  }

  private static final class Call implements Runnable {
    private final TaskPool pool;
    private final @Nullable MemorySegment convert;
    private final MemorySegment table; // (vocabulary, d)
    private final MemorySegment ids; // (count)
    private final MemorySegment y; // (count, d)
    private final long tableAt; // of its first row
    private final long tableStride;
    private final long tableBytes;
    private final long resultBytes;
    private final long vocabulary;
    private final long d;
    private final boolean wide;
    private final long count;
    private final long each;
    private final TaskPool.Task task = this::rows;

    Call(KernelArgs args, @Nullable MemorySegment convert) {
      TensorView t = args.input(0);
      this.pool = args.pool();
      this.convert = convert;
      this.table = t.segment();
      this.tableAt = t.offsetBytes();
      this.ids = args.input(1).base();
      this.y = args.output().base();
      this.vocabulary = t.shape().dim(0);
      this.d = t.shape().dim(1);
      this.tableBytes = t.dtype().bytes(d);
      this.tableStride = vocabulary > 1 ? t.strideBytes(0) : tableBytes;
      this.resultBytes = args.output().dtype().bytes(d);
      this.wide = args.input(1).dtype() == ScalarType.I64;
      this.count = args.input(1).shape().elements();
      this.each = Math.max(1, ELEMENTS / Math.max(1, d));
    }

    @Override
    public void run() {
      pool.parallelFor(Math.toIntExact(Math.ceilDiv(count, each)), task);
    }

    private void rows(int slice) {
      long end = Math.min(count, (slice + 1) * each);
      for (long i = slice * each; i < end; i++) {
        row(id(i), i);
      }
    }

    private long id(long i) {
      long id =
          wide ? ids.getAtIndex(ValueLayout.JAVA_LONG, i) : ids.getAtIndex(ValueLayout.JAVA_INT, i);
      DataOp.Embedding.requireRow(i, id, vocabulary);
      return id;
    }

    private void row(long id, long i) {
      long from = tableAt + id * tableStride;
      if (convert == null) {
        MemorySegment.copy(table, from, y, i * resultBytes, tableBytes);
      } else if (d > 0) {
        Calls.rowsAt(convert, table, from, tableBytes, y, i * resultBytes, resultBytes, 1, d);
      }
    }
  }
}

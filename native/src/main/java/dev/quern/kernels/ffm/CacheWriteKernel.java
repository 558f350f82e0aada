package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BufferOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.PageTable;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * cache[b, starts[b] + t, h, d] ← rows[b, t, h, d], or to the row's place in its page; copied, or
 * rounded or quantised by the C conversions.
 *
 * <p>F8_E4M3 is copied only. Both with rows without gaps along d. The starts are checked before
 * anything is written. Slices of about {@value #ELEMENTS} elements, whole positions.
 */
final class CacheWriteKernel implements Kernel {
  private static final long ELEMENTS = 32 * 1024;

  private final Functions.@Nullable Function convert;
  private final String name;

  private CacheWriteKernel(Functions.@Nullable Function convert, DType cache) {
    this.convert = convert;
    this.name =
        "cacheWrite "
            + cache.name().toLowerCase(Locale.ROOT)
            + (convert == null ? "" : " " + convert.tier().suffix());
  }

  /** The kernel for a signature, or null if there is none. */
  static @Nullable CacheWriteKernel of(Functions functions, KernelSignature s) {
    DType cache = s.inputs().get(0);
    DType rows = s.inputs().get(1);
    boolean known =
        s.layouts().get(0).compareTo(LayoutClass.ROWS) <= 0
            && s.layouts().get(1).compareTo(LayoutClass.ROWS) <= 0
            && (cache == rows || rows == ScalarType.F32);
    if (!known || (cache != rows && cache == ScalarType.F8_E4M3)) {
      return null;
    }
    String symbol = "convert_f32_" + Weights.symbol(cache);
    return new CacheWriteKernel(cache == rows ? null : functions.get(symbol), cache);
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
    private final TensorView cache; // (batch, capacity, heads, dim)
    private final TensorView rows; // (batch, times, heads, dim)
    private final TensorView starts; // (batch)
    private final @Nullable PageTable pages;
    private final MemorySegment to;
    private final MemorySegment from;
    private final long toBytes;
    private final long batch;
    private final long times;
    private final long heads;
    private final long dim;
    private final long each;
    private final TaskPool.Task task = this::positions;

    Call(KernelArgs args, @Nullable MemorySegment convert) {
      this.pool = args.pool();
      this.convert = convert;
      cache = args.input(0);
      rows = args.input(1);
      starts = args.input(2);
      boolean paged = ((BufferOp.CacheWrite) args.op()).hasPages();
      pages = paged ? new PageTable(args.input(3), cache) : null;
      to = cache.segment();
      from = rows.segment();
      batch = rows.shape().dim(0);
      times = rows.shape().dim(1);
      heads = rows.shape().dim(2);
      dim = rows.shape().dim(3);
      toBytes = cache.dtype().bytes(dim);
      each = Math.max(1, ELEMENTS / Math.max(1, heads * dim));
    }

    private long start(long b) {
      return starts
          .segment()
          .get(ValueLayout.JAVA_INT, starts.offsetBytes() + b * starts.strideBytes(0));
    }

    private long place(long b, long row) {
      return pages == null
          ? cache.offsetBytes() + b * cache.strideBytes(0) + row * cache.strideBytes(1)
          : pages.place(b, row);
    }

    @Override
    public void run() {
      long capacity = pages == null ? cache.shape().dim(1) : pages.rows();
      for (long b = 0; b < batch; b++) {
        long start = start(b);
        BufferOp.CacheWrite.requireRoom(b, start, times, capacity);
        if (pages != null) {
          pages.check("cacheWrite", b, start, start + times);
        }
      }
      if (dim > 0) {
        pool.parallelFor(Math.toIntExact(Math.ceilDiv(batch * times, each)), task);
      }
    }

    private void positions(int slice) {
      long end = Math.min(batch * times, (slice + 1) * each);
      for (long i = slice * each; i < end; i++) {
        long b = i / times;
        long t = i % times;
        long source = b * rows.strideBytes(0) + t * rows.strideBytes(1);
        write(rows.offsetBytes() + source, place(b, start(b) + t));
      }
    }

    /** All heads of a position. */
    private void write(long source, long target) {
      if (convert == null) {
        for (long h = 0; h < heads; h++) {
          long at = source + h * rows.strideBytes(2);
          MemorySegment.copy(from, at, to, target + h * cache.strideBytes(2), toBytes);
        }
      } else {
        long headBytes = rows.strideBytes(2);
        Calls.rowsAt(
            convert, from, source, headBytes, to, target, cache.strideBytes(2), heads, dim);
      }
    }
  }
}

package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.I32;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BufferOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.PageTable;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * cache[b, starts[b] + t, h, d] ← rows[b, t, h, d], rounded or quantised to the cache's type; or to
 * the row's place in its page.
 *
 * <p>Both with rows without gaps along d. The starts are checked before anything is written; then
 * in parallel over positions.
 */
record CacheWriteKernel(DType cache) implements Kernel {
  /** The kernel for a call, or null. */
  static @Nullable Kernel find(KernelSignature s) {
    boolean known =
        s.layouts().get(0).compareTo(LayoutClass.ROWS) <= 0
            && s.layouts().get(1).compareTo(LayoutClass.ROWS) <= 0;
    return known ? new CacheWriteKernel(s.inputs().getFirst()) : null;
  }

  @Override
  public String name() {
    return "cacheWrite " + cache.name().toLowerCase(java.util.Locale.ROOT) + " vector";
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Task(args);
  }

  private static final class Task extends SlicedTask {
    private final TensorView cache;
    private final TensorView rows;
    private final TensorView starts;
    private final @Nullable PageTable pages;
    private final MemorySegment d;
    private final MemorySegment s;
    private final long dStart;
    private final long sStart;
    private final int batch;
    private final int times;
    private final int heads;
    private final int dim;

    Task(KernelArgs args) {
      super(args.pool(), slices(args.input(1)));
      cache = args.input(0);
      rows = args.input(1);
      starts = args.input(2);
      boolean paged = ((BufferOp.CacheWrite) args.op()).hasPages();
      pages = paged ? new PageTable(args.input(3), cache) : null;
      d = Segments.of(cache);
      s = Segments.of(rows);
      dStart = Segments.start(cache);
      sStart = Segments.start(rows);
      batch = Math.toIntExact(rows.shape().dim(0));
      times = Math.toIntExact(rows.shape().dim(1));
      heads = Math.toIntExact(rows.shape().dim(2));
      dim = Math.toIntExact(rows.shape().dim(3));
    }

    private static int slices(TensorView rows) {
      long each = Math.max(1, rows.shape().dim(2) * rows.shape().dim(3));
      long items = rows.shape().dim(0) * rows.shape().dim(1);
      return sliceCount(items, Math.max(1, (32L << 10) / each));
    }

    private int start(int b) {
      return starts.segment().get(I32, starts.offsetBytes() + b * starts.strideBytes(0));
    }

    private long place(int b, long row) {
      return pages == null
          ? dStart + b * cache.strideBytes(0) + row * cache.strideBytes(1)
          : pages.place(b, row);
    }

    @Override
    public void run() {
      long capacity = pages == null ? cache.shape().dim(1) : pages.rows();
      for (int b = 0; b < batch; b++) {
        int start = start(b);
        BufferOp.CacheWrite.requireRoom(b, start, times, capacity);
        if (pages != null) {
          pages.check("cacheWrite", b, start, (long) start + times);
        }
      }
      pool.parallelFor(slices, this);
    }

    @Override
    public void run(int slice) {
      long items = (long) batch * times;
      long end = sliceStart(items, slices, slice + 1);
      for (long i = sliceStart(items, slices, slice); i < end; i++) {
        int b = (int) (i / times);
        long t = i % times;
        long from = sStart + b * rows.strideBytes(0) + t * rows.strideBytes(1);
        long to = place(b, start(b) + t);
        for (int h = 0; h < heads; h++) {
          row(from + h * rows.strideBytes(2), to + h * cache.strideBytes(2));
        }
      }
    }

    private void row(long from, long to) {
      DType t = cache.dtype();
      if (rows.dtype() == t) {
        MemorySegment.copy(s, from, d, to, t.bytes(dim));
      } else if (t == BlockType.Q8_0) {
        Quantize.q80(s, from, d, to, dim / 32);
      } else {
        Convert.narrow(t, s, from, d, to, dim);
      }
    }
  }
}

package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * y = x, then y[ids[i], :] += source[i, :], in the order of the ids: the gradient of an embedding.
 * F32; source and ids without gaps, x of any layout, mostly a zero that is repeated.
 *
 * <p>y: (V, D). Slices are {@value #COLUMNS} columns of all rows, or less: no row of y has two
 * writers, and few rows that take most of the ids keep no thread waiting.
 */
final class IndexAddKernel implements Kernel {
  private static final long COLUMNS = 64;
  private static final long ELEMENTS = 64 * 1024;

  private final Functions.Function function;

  private IndexAddKernel(Functions.Function function) {
    this.function = function;
  }

  /** The kernel for a signature, or null if there is none. */
  static @Nullable IndexAddKernel of(Functions functions, KernelSignature s) {
    boolean taken =
        s.op() instanceof ScatterOp.IndexAdd(int axis)
            && axis == 0
            && s.inputs().getFirst() == ScalarType.F32
            && s.layouts().get(1) == LayoutClass.CONTIGUOUS
            && s.layouts().get(2) == LayoutClass.CONTIGUOUS;
    return taken ? new IndexAddKernel(functions.get("index_add")) : null;
  }

  @Override
  public String name() {
    return "indexAdd " + function.tier().suffix();
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(function.address(), args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final TaskPool pool;
    private final MemorySegment x;
    private final Layout layout;
    private final MemorySegment ids; // (count)
    private final boolean wide;
    private final MemorySegment source; // (count, d)
    private final MemorySegment y; // (rows, d)
    private final Slices from;
    private final Slices to;
    private final long rows;
    private final long d;
    private final long count;
    private final long run; // elements along the last axis
    private final long step; // between them, in x
    private final long runs;
    private final long runsOfSlice;
    private final int slices;
    private final TaskPool.Task beginTask = this::begin;
    private final TaskPool.Task task = this::add;

    Call(MemorySegment function, KernelArgs args) {
      this.function = function;
      pool = args.pool();
      TensorView start = args.input(0);
      x = start.segment();
      layout = start.layout();
      ids = args.input(1).base();
      wide = args.input(1).dtype() == ScalarType.I64;
      source = args.input(2).base();
      y = args.output().base();
      rows = start.shape().dim(0);
      count = args.input(1).shape().elements();
      d = rows == 0 ? 0 : start.shape().elements() / rows;
      run = layout.shape().dim(-1);
      step = layout.stride(-1);
      runs = run == 0 ? 0 : layout.shape().elements() / run;
      runsOfSlice = Math.max(1, ELEMENTS / Math.max(1, run));
      slices = Math.toIntExact(Math.ceilDiv(d, COLUMNS));
      from = new Slices(source, slices);
      to = new Slices(y, slices);
    }

    @Override
    public void run() {
      for (long i = 0; i < count; i++) {
        ScatterOp.IndexAdd.requirePlace(i, id(i), rows);
      }
      pool.parallelFor(Math.toIntExact(Math.ceilDiv(runs, runsOfSlice)), beginTask);
      pool.parallelFor(count == 0 ? 0 : slices, task);
    }

    private long id(long i) {
      return wide
          ? ids.getAtIndex(ValueLayout.JAVA_LONG, i)
          : ids.getAtIndex(ValueLayout.JAVA_INT, i);
    }

    /** Some runs of y = x, each along the last axis: copied, or filled with one element. */
    private void begin(int slice) {
      long end = Math.min(runs, (slice + 1) * runsOfSlice);
      for (long r = slice * runsOfSlice; r < end; r++) {
        long at = layout.offset();
        long left = r;
        for (int a = layout.shape().rank() - 2; a >= 0; a--) {
          at += left % layout.shape().dim(a) * layout.stride(a);
          left /= layout.shape().dim(a);
        }
        copy(at * Float.BYTES, r * run * Float.BYTES);
      }
    }

    private void copy(long from, long to) {
      long bytes = run * Float.BYTES;
      if (step == 1 || run == 1) {
        MemorySegment.copy(x, from, y, to, bytes);
      } else if (step == 0) {
        MemorySegment.copy(x, from, y, to, Float.BYTES);
        for (long done = Float.BYTES; done < bytes; done *= 2) {
          MemorySegment.copy(y, to, y, to + done, Math.min(done, bytes - done));
        }
      } else {
        for (long j = 0; j < run; j++) {
          MemorySegment.copy(
              x, from + j * step * Float.BYTES, y, to + j * Float.BYTES, Float.BYTES);
        }
      }
    }

    private void add(int slice) {
      long column = slice * COLUMNS;
      Calls.indexAdd(
          function,
          from.get(slice, column * Float.BYTES),
          d,
          ids,
          wide ? 1 : 0,
          to.get(slice, column * Float.BYTES),
          d,
          count,
          rows,
          Math.min(COLUMNS, d - column));
    }
  }
}

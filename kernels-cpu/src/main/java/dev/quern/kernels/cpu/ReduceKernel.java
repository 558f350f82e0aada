package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Sum, mean, max, min, var, logSumExp and argMax over any axes of any layout.
 *
 * <p>In parallel over results, about 32 Ki elements a slice: the elements that become one result
 * are read where they are if they are F32 without gaps, else gathered as F32; then {@link
 * LineLoops}.
 */
record ReduceKernel(ReduceOp op) implements Kernel {
  /** The kernel for a call, or null. */
  static @Nullable Kernel find(ReduceOp op, KernelSignature s) {
    boolean known = !(op instanceof ReduceOp.Prod) && Convert.handles(s.inputs().getFirst());
    return known ? new ReduceKernel(op) : null;
  }

  @Override
  public String name() {
    return op.name() + " vector";
  }

  /** The view of some axes alone: those that are reduced, or those that are kept. */
  private TensorView only(TensorView x, boolean reduced) {
    Shape s = x.shape();
    List<Integer> axes = op.axes().stream().map(s::axis).toList();
    long[] dims = new long[s.rank()];
    long[] strides = new long[s.rank()];
    int n = 0;
    for (int a = 0; a < s.rank(); a++) {
      if (axes.contains(a) == reduced) {
        dims[n] = s.dim(a);
        strides[n++] = x.layout().stride(a);
      }
    }
    Shape shape = Shape.of(java.util.Arrays.copyOf(dims, n));
    Layout l = Layout.of(shape, java.util.Arrays.copyOf(strides, n), x.layout().offset());
    return new TensorView(x.dtype(), l, x.segment());
  }

  private static int slices(long results, long n) {
    return SlicedTask.sliceCount(results, Math.max(1, (32L << 10) / Math.max(1, n)));
  }

  private static long lineBytes(long n) {
    return Math.ceilDiv(n * 4, 64) * 64 + 64;
  }

  @Override
  public long scratchBytes(List<TensorView> inputs, List<TensorView> outputs) {
    long n = only(inputs.getFirst(), true).shape().elements();
    return Slots.bytes(2 * lineBytes(n), slices(outputs.getFirst().shape().elements(), n));
  }

  @Override
  public Runnable bind(KernelArgs args) {
    TensorView x = args.input(0);
    return new Task(args, op, only(x, false), only(x, true));
  }

  private static final class Task extends SlicedTask {
    private final ReduceOp op;
    private final DType xType;
    private final DType yType;
    private final MemorySegment x;
    private final MemorySegment y;
    private final long start;
    private final Walk kept;
    private final Walk reduced;
    private final long results;
    private final int n;
    private final Slots slots;
    private final MemorySegment scratch;

    Task(KernelArgs args, ReduceOp op, TensorView outer, TensorView inner) {
      super(args.pool(), slices(outer.shape().elements(), inner.shape().elements()));
      this.op = op;
      TensorView v = args.input(0);
      xType = v.dtype();
      yType = args.output().dtype();
      x = Segments.of(v);
      y = Segments.of(args.output());
      kept = new Walk(outer.shape(), List.of(outer));
      reduced = new Walk(inner.shape(), List.of(inner));
      // each walk starts at the lowest element of its own axes
      start = Segments.start(v) - Segments.start(outer) - Segments.start(inner);
      results = outer.shape().elements();
      n = Math.toIntExact(inner.shape().elements());
      slots = new Slots(args.scratch(), 0, 2 * lineBytes(n), slices);
      scratch = slots.segment();
    }

    @Override
    public void run(int slice) {
      int slot = slots.take();
      try {
        long line = slots.offset(slot);
        long end = sliceStart(results, slices, slice + 1);
        boolean direct =
            xType == ScalarType.F32 && reduced.runs <= 1 && (n <= 1 || reduced.step(0) == 4);
        for (long i = sliceStart(results, slices, slice); i < end; i++) {
          long from = start + kept.at(0, i / kept.inner) + (i % kept.inner) * kept.step(0);
          if (direct) {
            result(x, from + reduced.at(0, 0), line + lineBytes(n), i);
          } else {
            gather(from, line);
            result(scratch, line, line + lineBytes(n), i);
          }
        }
      } finally {
        slots.give(slot);
      }
    }

    private void gather(long from, long line) {
      int inner = (int) reduced.inner;
      for (long r = 0; r < reduced.runs; r++) {
        long to = line + 4 * r * inner;
        Convert.gather(xType, x, from + reduced.at(0, r), reduced.step(0), scratch, to, inner);
      }
    }

    private void result(MemorySegment s, long at, long out, long i) {
      if (op instanceof ReduceOp.ArgMax) {
        y.set(Segments.I64, 8 * i, argMax(s, at));
        return;
      }
      float r = (float) value(s, at, out);
      scratch.set(F32, out, r);
      Convert.narrow(yType, scratch, out, y, i * yType.blockBytes(), 1);
    }

    private double value(MemorySegment s, long at, long out) {
      return switch (op) {
        case ReduceOp.Sum _ -> LineLoops.sum(s, at, n);
        case ReduceOp.Mean _ -> LineLoops.sum(s, at, n) / n;
        case ReduceOp.Max _ -> LineLoops.max(s, at, n);
        case ReduceOp.Min _ -> LineLoops.min(s, at, n);
        case ReduceOp.Var(var _, boolean _, int correction) ->
            LineLoops.deviations(s, at, n) / Math.max(0, n - correction);
        case ReduceOp.LogSumExp _ -> {
          float max = LineLoops.max(s, at, n);
          yield Float.isInfinite(max)
              ? max
              : max + StrictMath.log(ExpLoop.sum(s, at, n, max, scratch, out));
        }
        case ReduceOp.Prod _, ReduceOp.ArgMax _ -> throw new IllegalStateException(op.name());
      };
    }

    private long argMax(MemorySegment s, long at) {
      float max = LineLoops.max(s, at, n);
      for (int j = 0; j < n; j++) {
        float v = s.get(F32, at + 4L * j);
        if (v == max || Float.isNaN(v)) {
          return j;
        }
      }
      throw new IllegalStateException("the largest element is gone");
    }
  }
}

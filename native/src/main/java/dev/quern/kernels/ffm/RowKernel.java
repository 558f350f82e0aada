package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.Op;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Softmax and logSoftmax along the last axis, rmsNorm, layerNorm; F32, F16 or BF16 without gaps.
 * Slices are whole rows, about {@link Elements#slice} elements.
 */
final class RowKernel implements Kernel {
  private final Functions.Function function;
  private final String name;

  private RowKernel(Functions.Function function, String op) {
    this.function = function;
    this.name = op + " " + function.tier().suffix();
  }

  /** The kernel for a signature, or null if there is none. */
  static @Nullable RowKernel of(Functions functions, KernelSignature s) {
    String symbol =
        switch (s.op()) {
          case NormOp.Softmax(int axis) when axis == -1 -> "softmax";
          case NormOp.LogSoftmax(int axis) when axis == -1 -> "log_softmax";
          case NormOp.RmsNorm _ -> "rms_norm";
          case NormOp.LayerNorm _ -> "layer_norm";
          default -> null;
        };
    if (symbol == null || !Elements.plain(s)) {
      return null;
    }
    return new RowKernel(functions.get(symbol), s.op().name());
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(function.address(), args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final Op op;
    private final Slices x; // (rows, c)
    private final Slices y; // (rows, c)
    private final MemorySegment weight; // (c) or null pointer
    private final MemorySegment bias; // (c) or null pointer
    private final List<TensorView> statistics; // (rows) each, if they are wanted
    private final long rows;
    private final long c;
    private final DType type;
    private final long format;
    private final long flow;
    private final long step;
    private final int slices;
    private final TaskPool pool;
    private final TaskPool.Task task = this::compute;

    Call(MemorySegment function, KernelArgs args) {
      this.function = function;
      op = args.op();
      TensorView in = args.input(0);
      weight = args.inputs().size() > 1 ? args.input(1).base() : MemorySegment.NULL;
      bias = args.inputs().size() > 2 ? args.input(2).base() : MemorySegment.NULL;
      statistics = args.outputs().subList(1, args.outputs().size());
      c = in.shape().rank() == 0 ? 1 : in.shape().dim(-1);
      rows = c == 0 ? 0 : in.shape().elements() / c;
      type = in.dtype();
      format = Elements.format(type);
      flow = Elements.flow(args);
      step = Math.max(1, Elements.slice(in.shape().elements()) / Math.max(1, c));
      slices = Math.toIntExact((rows + step - 1) / step);
      x = new Slices(in.base(), slices);
      y = new Slices(args.output().base(), slices);
      pool = args.pool();
    }

    @Override
    public void run() {
      pool.parallelFor(slices, task);
    }

    private void compute(int slice) {
      long row = slice * step;
      long count = Math.min(step, rows - row);
      MemorySegment from = x.get(slice, type.bytes(row * c));
      MemorySegment to = y.get(slice, type.bytes(row * c));
      switch (op) {
        case NormOp.RmsNorm(float eps) ->
            Calls.rmsNorm(function, from, weight, to, kept(0, row), count, c, eps, format, flow);
        case NormOp.LayerNorm(float eps) ->
            Calls.layerNorm(
                function,
                from,
                weight,
                bias,
                to,
                kept(0, row),
                kept(1, row),
                count,
                c,
                eps,
                format,
                flow);
        default -> Calls.softmax(function, from, to, count, c, format, flow);
      }
    }

    /** A statistic from a row on, or a null pointer. */
    private MemorySegment kept(int i, long row) {
      return statistics.isEmpty()
          ? MemorySegment.NULL
          : Segments.from(statistics.get(i).base(), row * Float.BYTES);
    }
  }
}

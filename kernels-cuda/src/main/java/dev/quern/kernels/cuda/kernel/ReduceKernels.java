package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Reductions: {@code reduce.cu}. */
final class ReduceKernels {
  private static final int THREADS = 256;
  private static final int COLUMNS = 32;
  private static final int STATE_BYTES = 24; // the largest state, a variance's in F64
  private static final int ENOUGH_BLOCKS = 1024; // for any device to be busy
  private static final int LEAST_OF_A_LINE = 8192; // elements of a slice
  private static final int LEAST_OF_COLUMNS = 64;
  private static final int STEP = 4096; // what a team takes at once divides it

  private final CudaDevice device;

  ReduceKernels(CudaDevice device) {
    this.device = device;
  }

  /** The number of {@link dev.quern.core.op.FusedOp.SquareSum} in the source. */
  private static final int SQUARES = 8;

  /** How a reduction is cut: what is reduced, and what is beside it. */
  private record Plan(Layout kept, Axes reduced, long count, boolean columns, long perSlice) {
    static Plan of(ReduceOp op, TensorView x) {
      Shape shape = x.shape();
      Layout l = x.layout();
      int[] axes = op.axes().stream().mapToInt(shape::axis).sorted().toArray();
      int[] others = new int[shape.rank() - axes.length];
      int n = 0;
      for (int a = 0; a < shape.rank(); a++) {
        if (Arrays.binarySearch(axes, a) < 0) {
          others[n++] = a;
        }
      }
      Shape kept = part(shape, others);
      Shape gone = part(shape, axes);
      Axes reduced = Axes.of(gone, strides(l, axes));
      long count = gone.elements();
      if (reduced.rank() > 1 && count > Integer.MAX_VALUE) {
        throw new NotSupportedException(
            "[%s] %d elements of %s, strided, are more than a kernel reduces at once; make x contiguous"
                .formatted(op.name(), count, shape));
      }
      Axes beside = Axes.of(kept, strides(l, others));
      int inner = beside.rank() - 1;
      boolean columns =
          beside.dims()[inner] >= COLUMNS / 2
              && Math.abs(beside.strides()[0][inner]) == 1
              && reduced.strides()[0][reduced.rank() - 1] != 1;
      long blocks = columns ? Math.ceilDiv(kept.elements(), COLUMNS) : kept.elements();
      long wanted = Math.max(1, ENOUGH_BLOCKS / Math.max(1, blocks));
      long fit = Math.max(1, count / (columns ? LEAST_OF_COLUMNS : LEAST_OF_A_LINE));
      long perSlice = Math.ceilDiv(Math.max(1, count), Math.min(wanted, fit));
      perSlice = columns ? perSlice : Math.ceilDiv(perSlice, STEP) * STEP;
      return new Plan(Layout.of(kept, strides(l, others), 0), reduced, count, columns, perSlice);
    }

    long slices() {
      return Math.max(1, Math.ceilDiv(count, perSlice));
    }

    private static Shape part(Shape shape, int[] axes) {
      return Shape.of(Arrays.stream(axes).mapToLong(shape::dim).toArray());
    }

    private static long[] strides(Layout l, int[] axes) {
      return Arrays.stream(axes).mapToLong(l::stride).toArray();
    }
  }

  /** Working memory: a state for each result and slice. */
  static long bytes(ReduceOp op, List<TensorView> inputs) {
    Plan plan = Plan.of(op, inputs.getFirst());
    return plan.slices() == 1 ? 0 : plan.slices() * plan.kept().shape().elements() * STATE_BYTES;
  }

  /** Working memory of {@link #squares}. */
  static long squaresBytes(List<TensorView> inputs, List<TensorView> outputs) {
    return bytes(sum(inputs.getFirst()), inputs);
  }

  Runnable reduce(KernelArgs args) {
    ReduceOp op = (ReduceOp) args.op();
    int correction = op instanceof ReduceOp.Var v ? v.correction() : 0;
    return reduce(args, op, number(op), correction);
  }

  /** Σ x² over all elements, cut as their sum would be. */
  Runnable squares(KernelArgs args) {
    return reduce(args, sum(args.input(0)), SQUARES, 0);
  }

  private static ReduceOp sum(TensorView x) {
    List<Integer> all = IntStream.range(0, x.shape().rank()).boxed().toList();
    return new ReduceOp.Sum(all, false);
  }

  private Runnable reduce(KernelArgs args, ReduceOp op, int number, int correction) {
    TensorView x = args.input(0);
    Plan plan = Plan.of(op, x);
    if (plan.kept().shape().elements() == 0) {
      return Launches.NOTHING;
    }
    boolean single = plan.reduced().rank() == 1;
    long step = single ? plan.reduced().strides()[0][0] : 0;
    Lines lines =
        Lines.of(
            plan.kept().shape(),
            Math.min(plan.count(), Integer.MAX_VALUE),
            new Lines.Operand(
                Launches.start(x), x.dtype().blockBytes(), plan.kept().strides(), step));
    int slices = (int) plan.slices();
    Params p = lines.write(new Params()).int64(plan.count()).int64(plan.perSlice());
    p.int32(plan.reduced().rank()).int32(slices);
    plan.reduced().writeDims(p, plan.count() > Integer.MAX_VALUE ? 0 : plan.reduced().rank());
    plan.reduced().writeStrides(p, 0, plan.reduced().rank());
    p.address(Launches.start(args.output()))
        .address(slices > 1 ? args.scratch().address() : 0)
        .int32(number)
        .int32(correction);
    String name = Launches.name(x.dtype());
    long results = plan.kept().shape().elements();
    Grid grid =
        plan.columns()
            ? new Grid((int) Math.ceilDiv(results, COLUMNS), slices, 1, THREADS, 0)
            : new Grid(lines.grid().x(), slices, 1, THREADS, 0);
    String kernel = (plan.columns() ? "reduce_columns_" : "reduce_") + name;
    Runnable first = Launches.of(device, "reduce", kernel, grid, p);
    return slices == 1
        ? first
        : Launches.inOrder(
            List.of(
                first,
                Launches.of(
                    device, "reduce", "reduce_finish_" + name, Grid.over(results, THREADS), p)));
  }

  private static int number(ReduceOp op) {
    return switch (op) {
      case ReduceOp.Sum _ -> 0;
      case ReduceOp.Prod _ -> 1;
      case ReduceOp.Mean _ -> 2;
      case ReduceOp.Max _ -> 3;
      case ReduceOp.Min _ -> 4;
      case ReduceOp.Var _ -> 5;
      case ReduceOp.LogSumExp _ -> 6;
      case ReduceOp.ArgMax _ -> 7;
    };
  }
}

package dev.quern.kernels.ffm;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.LossOp;
import dev.quern.core.op.LossOp.CrossEntropy;
import dev.quern.core.op.LossOp.CrossEntropyGrad;
import dev.quern.core.op.LossOp.Reduction;
import dev.quern.core.op.Op;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Cross-entropy and its gradient, F32 logits without gaps and no class weights. All targets are
 * checked before anything is computed. Slices are whole rows, about {@link Elements#slice} logits;
 * losses are added in order, in F64.
 */
final class LossKernel implements Kernel {
  private final Functions.Function function;
  private final boolean gradient;
  private final long ignored;
  private final float smoothing;
  private final Reduction reduction;

  private LossKernel(Functions functions, CrossEntropy op) {
    function = functions.get("cross_entropy");
    gradient = false;
    ignored = op.ignoreIndex();
    smoothing = (float) op.labelSmoothing();
    reduction = op.reduction();
  }

  private LossKernel(Functions functions, CrossEntropyGrad op) {
    function = functions.get("cross_entropy_grad");
    gradient = true;
    ignored = op.ignoreIndex();
    smoothing = (float) op.labelSmoothing();
    reduction = op.reduction();
  }

  /** The kernel for a signature, or null if there is none. */
  static @Nullable LossKernel of(Functions functions, LossOp op, KernelSignature s) {
    if (s.inputs().getFirst() != ScalarType.F32 || !s.allContiguous()) {
      return null;
    }
    return switch (op) {
      case CrossEntropy loss -> loss.weighted() ? null : new LossKernel(functions, loss);
      case CrossEntropyGrad loss -> loss.weighted() ? null : new LossKernel(functions, loss);
    };
  }

  @Override
  public String name() {
    return (gradient ? "crossEntropyGrad " : "crossEntropy ") + function.tier().suffix();
  }

  /** The losses of the rows, where they are not the result. */
  @Override
  public long scratchBytes(List<TensorView> in, List<TensorView> out) {
    return gradient || reduction == Reduction.NONE ? 0 : in.get(1).shape().elements() * Float.BYTES;
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return gradient ? new Grad(this, args) : new Loss(this, args);
  }

  /** What both read: logits and targets. */
  private abstract static class Call implements Runnable {
    final LossKernel kernel;
    final TaskPool pool;
    final Slices logits; // (rows, v)
    final Slices targets; // (rows)
    final long wide;
    final long rows;
    final long v;
    final long step;
    final int slices;
    final TaskPool.Task task = this::compute;
    private final Op op;
    private final Shape shape;
    private final MemorySegment classes; // (rows) I32 or I64

    Call(LossKernel kernel, KernelArgs args) {
      this.kernel = kernel;
      op = args.op();
      pool = args.pool();
      TensorView x = args.input(0);
      shape = args.input(1).shape();
      classes = args.input(1).base();
      wide = args.input(1).dtype() == ScalarType.I64 ? 1 : 0;
      v = x.shape().dim(-1);
      rows = shape.elements();
      step = Math.max(1, Elements.slice(x.shape().elements()) / Math.max(1, v));
      slices = Math.toIntExact((rows + step - 1) / step);
      logits = new Slices(x.base(), slices);
      targets = new Slices(classes, slices);
    }

    /** Checks all targets; how many count. */
    final long counted() {
      long counted = 0;
      for (long i = 0; i < rows; i++) {
        long t = wide != 0 ? classes.getAtIndex(JAVA_LONG, i) : classes.getAtIndex(JAVA_INT, i);
        if (t != kernel.ignored) {
          if (t < 0 || t >= v) {
            throw outside(i, t);
          }
          counted++;
        }
      }
      return counted;
    }

    private IndexException outside(long row, long t) {
      StringBuilder where = new StringBuilder();
      long rest = row;
      for (int a = shape.rank() - 1; a >= 0; a--) {
        where.insert(0, (a == 0 ? "" : ", ") + rest % shape.dim(a));
        rest /= shape.dim(a);
      }
      return new IndexException(
          "["
              + op.name()
              + "] targets["
              + where
              + "] is "
              + t
              + ", outside 0.."
              + (v - 1)
              + "; correct the targets, or enlarge what they address");
    }

    private void compute(int slice) {
      long row = slice * step;
      long bytes = wide != 0 ? Long.BYTES : Integer.BYTES;
      compute(
          slice,
          row,
          Math.min(step, rows - row),
          logits.get(slice, row * v * Float.BYTES),
          targets.get(slice, row * bytes));
    }

    /** Some rows. */
    abstract void compute(
        int slice, long row, long count, MemorySegment logits, MemorySegment targets);
  }

  private static final class Loss extends Call {
    private final MemorySegment losses; // (rows): the result, or scratch
    private final MemorySegment result; // (1), if reduced
    private final Slices each;
    private final @Nullable Slices kept; // (rows) log Σ eˣ, if it is wanted

    Loss(LossKernel kernel, KernelArgs args) {
      super(kernel, args);
      result = args.output().base();
      losses = kernel.reduction == Reduction.NONE ? result : args.scratch();
      each = new Slices(losses, slices);
      kept = args.outputs().size() > 1 ? new Slices(args.outputs().get(1).base(), slices) : null;
    }

    @Override
    public void run() {
      long counted = counted();
      pool.parallelFor(slices, task);
      if (kernel.reduction == Reduction.NONE) {
        return;
      }
      double sum = 0;
      for (long i = 0; i < rows; i++) {
        sum += losses.getAtIndex(JAVA_FLOAT, i);
      }
      result.set(JAVA_FLOAT, 0, (float) (kernel.reduction == Reduction.SUM ? sum : sum / counted));
    }

    @Override
    void compute(int slice, long row, long count, MemorySegment logits, MemorySegment targets) {
      GradientCalls.crossEntropy(
          kernel.function.address(),
          logits,
          targets,
          wide,
          kernel.ignored,
          kernel.smoothing,
          each.get(slice, row * Float.BYTES),
          kept == null ? MemorySegment.NULL : kept.get(slice, row * Float.BYTES),
          count,
          v);
    }
  }

  private static final class Grad extends Call {
    private final Slices g; // (rows) or (1)
    private final Slices logs; // (rows)
    private final Slices y; // (rows, v)
    private final long gStep;
    private final long flow;
    private float divisor;

    Grad(LossKernel kernel, KernelArgs args) {
      super(kernel, args);
      g = new Slices(args.input(2).base(), slices);
      logs = new Slices(args.input(3).base(), slices);
      y = new Slices(args.output().base(), slices);
      gStep = kernel.reduction == Reduction.NONE ? 1 : 0;
      flow = Elements.flow(args);
    }

    @Override
    public void run() {
      long counted = counted();
      divisor = kernel.reduction == Reduction.MEAN ? counted : 1;
      pool.parallelFor(slices, task);
    }

    @Override
    void compute(int slice, long row, long count, MemorySegment logits, MemorySegment targets) {
      GradientCalls.crossEntropyGrad(
          kernel.function.address(),
          logits,
          targets,
          wide,
          kernel.ignored,
          kernel.smoothing,
          g.get(slice, gStep * row * Float.BYTES),
          gStep,
          divisor,
          logs.get(slice, row * Float.BYTES),
          y.get(slice, row * v * Float.BYTES),
          count,
          v,
          flow);
    }
  }
}

package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.NormOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.DType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Softmax, logSoftmax, rmsNorm and layerNorm along an axis.
 *
 * <p>x: [outer, n, inner] without gaps. Each line is read twice or three times (largest element or
 * mean; sum; result), the later times from the cache. Sums in F32; the variance from the
 * differences to the mean.
 */
record NormKernel(NormOp op) implements Kernel {
  /** The kernel for a call, or null. */
  static @Nullable Kernel find(NormOp op, KernelSignature s) {
    boolean known = s.allContiguous() && s.inputs().stream().allMatch(Convert::handles);
    return known ? new NormKernel(op) : null;
  }

  private int axis() {
    return switch (op) {
      case NormOp.Softmax(int axis) -> axis;
      case NormOp.LogSoftmax(int axis) -> axis;
      case NormOp.RmsNorm _, NormOp.LayerNorm _ -> -1;
    };
  }

  private int extraLines() {
    return switch (op) {
      case NormOp.Softmax _, NormOp.LogSoftmax _ -> 0;
      case NormOp.RmsNorm _ -> 1;
      case NormOp.LayerNorm _ -> 2;
    };
  }

  @Override
  public String name() {
    return op.name() + " vector";
  }

  @Override
  public long scratchBytes(List<TensorView> inputs, List<TensorView> outputs) {
    return LineTask.scratchBytes(inputs.getFirst(), axis(), extraLines());
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return switch (op) {
      case NormOp.Softmax _ -> new SoftmaxTask(args, axis(), false);
      case NormOp.LogSoftmax _ -> new SoftmaxTask(args, axis(), true);
      case NormOp.RmsNorm(float eps) -> new RmsNormTask(args, eps);
      case NormOp.LayerNorm(float eps) -> new LayerNormTask(args, eps);
    };
  }

  /** A line task with a result of x's shape. */
  private abstract static class ShapedTask extends LineTask {
    final DType yType;
    final MemorySegment y;

    ShapedTask(KernelArgs args, int axis, int extraLines) {
      super(args, axis, extraLines);
      yType = args.output().dtype();
      y = Segments.of(args.output());
    }

    /** Where the line's result may be computed at once. */
    final MemorySegment target() {
      return direct(yType) ? y : scratch;
    }

    final long targetAt(long out, long i) {
      return direct(yType) ? first(i) * 4 : out;
    }

    final void finish(long out, long i) {
      if (!direct(yType)) {
        put(scratch, out, yType, y, i);
      }
    }
  }

  private static final class SoftmaxTask extends ShapedTask {
    private final boolean log;

    SoftmaxTask(KernelArgs args, int axis, boolean log) {
      super(args, axis, 0);
      this.log = log;
    }

    @Override
    void line(MemorySegment s, long at, long out, long i) {
      float max = LineLoops.max(s, at, n);
      float sum = ExpLoop.sum(s, at, n, max, scratch, out);
      long to = targetAt(out, i);
      if (log) {
        LineLoops.shift(s, at, n, -max, scratch, out);
        LineLoops.shift(scratch, out, n, (float) -StrictMath.log(sum), target(), to);
      } else {
        LineLoops.scale(scratch, out, n, 1 / sum, target(), to);
      }
      finish(out, i);
    }
  }

  /** A norm whose weights are widened once for each slice. */
  private abstract static class WeightedTask extends ShapedTask {
    private final TensorView[] parameters;
    private final MemorySegment[] memory;
    private final @Nullable MemorySegment residual;
    private final @Nullable MemorySegment second;
    final double eps;

    WeightedTask(KernelArgs args, int parameters, double eps) {
      super(args, -1, parameters);
      this.eps = eps;
      List<TensorView> in = args.inputs().subList(1, 1 + parameters);
      this.parameters = in.toArray(TensorView[]::new);
      this.memory = in.stream().map(Segments::of).toArray(MemorySegment[]::new);
      List<TensorView> out = args.outputs();
      this.residual = out.size() > 1 ? Segments.of(out.get(1)) : null;
      this.second = out.size() > 2 ? Segments.of(out.get(2)) : null;
    }

    final void widen(long extra) {
      for (int p = 0; p < memory.length; p++) {
        DType t = parameters[p].dtype();
        Convert.widen(t, memory[p], 0, scratch, extra + p * extraBytes(), n);
      }
    }

    final void keep(long i, float first, float last) {
      if (residual != null) {
        residual.set(F32, 4 * i, first);
      }
      if (second != null) {
        second.set(F32, 4 * i, last);
      }
    }
  }

  private static final class RmsNormTask extends WeightedTask {
    RmsNormTask(KernelArgs args, float eps) {
      super(args, 1, eps);
    }

    @Override
    void line(MemorySegment s, long at, long out, long i) {
      float r = (float) (1 / Math.sqrt(LineLoops.squares(s, at, n, 0) / n + eps));
      long to = targetAt(out, i);
      LineLoops.scaleBy(s, at, n, r, scratch, weights(out), target(), to);
      finish(out, i);
      keep(i, r, 0);
    }

    @Override
    void prepare(long extra) {
      widen(extra);
    }

    private long weights(long out) {
      return out + extraBytes();
    }
  }

  private static final class LayerNormTask extends WeightedTask {
    LayerNormTask(KernelArgs args, float eps) {
      super(args, 2, eps);
    }

    @Override
    void line(MemorySegment s, long at, long out, long i) {
      float mean = (float) (LineLoops.sum(s, at, n) / n);
      float r = (float) (1 / Math.sqrt(LineLoops.squares(s, at, n, mean) / n + eps));
      long weights = out + extraBytes();
      long to = targetAt(out, i);
      LineLoops.normalise(s, at, n, mean, r, scratch, weights, extraBytes(), target(), to);
      finish(out, i);
      keep(i, mean, r);
    }

    @Override
    void prepare(long extra) {
      widen(extra);
    }
  }
}

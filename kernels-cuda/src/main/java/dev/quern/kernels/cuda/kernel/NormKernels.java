package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.NormOp;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Softmax and the layer norms: {@code softmax.cu}, {@code norm.cu}, {@code norm_grad.cu}. */
final class NormKernels {
  private static final int THREADS = 256;
  private static final int COLUMNS = 32;
  private static final int ROWS_PER_SLICE = 128;
  private static final int MOST_SLICES = 1024;
  private static final int SUMS = 2;

  private final CudaDevice device;

  NormKernels(CudaDevice device) {
    this.device = device;
  }

  Runnable softmax(KernelArgs args) {
    NormOp op = (NormOp) args.op();
    boolean log = op instanceof NormOp.LogSoftmax;
    int axis = op instanceof NormOp.Softmax s ? s.axis() : ((NormOp.LogSoftmax) op).axis();
    TensorView x = args.input(0);
    if (x.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    Lines lines =
        Lines.of(
            x.shape().remove(axis),
            x.shape().dim(axis),
            Lines.Operand.along(args.output(), axis),
            Lines.Operand.along(x, axis));
    Params p = lines.write(new Params()).int32(log ? 1 : 0);
    return Launches.of(device, "softmax", "softmax_" + name(x), lines.grid(), p);
  }

  Runnable norm(KernelArgs args) {
    boolean centred = args.op() instanceof NormOp.LayerNorm;
    float eps =
        args.op() instanceof NormOp.LayerNorm l ? l.eps() : ((NormOp.RmsNorm) args.op()).eps();
    TensorView x = args.input(0);
    if (x.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    TensorView weight = args.input(1);
    TensorView bias = centred ? args.input(2) : weight;
    Lines lines =
        Lines.of(
            x.shape().remove(-1),
            x.shape().dim(-1),
            Lines.Operand.along(args.output(), -1),
            Lines.Operand.along(x, -1));
    List<TensorView> out = args.outputs();
    boolean kept = out.size() > 1;
    Params p =
        lines
            .write(new Params())
            .address(Launches.start(weight))
            .address(Launches.start(bias))
            .address(kept && centred ? Launches.start(out.get(1)) : 0)
            .address(kept ? Launches.start(out.getLast()) : 0)
            .int64(weight.layout().stride(0))
            .int64(bias.layout().stride(0))
            .float32(eps)
            .int32(centred ? 1 : 0);
    return Launches.of(device, "norm", "norm_" + name(x), lines.grid(), p);
  }

  /** A sum and its norm; how the sum lies decides the teams, as it does when the norm is alone. */
  Runnable addNorm(KernelArgs args) {
    TensorView a = args.input(0);
    TensorView weight = args.input(2);
    TensorView y = args.output();
    if (y.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    Lines lines =
        Lines.of(
            y.shape().remove(-1),
            y.shape().dim(-1),
            Lines.Operand.along(args.outputs().get(1), -1),
            Lines.Operand.along(a, -1),
            Lines.Operand.along(args.input(1), -1),
            Lines.Operand.along(y, -1));
    Params p =
        lines
            .write(new Params())
            .address(Launches.start(weight))
            .int64(weight.layout().stride(0))
            .float32(((FusedOp.AddRmsNorm) args.op()).eps());
    return Launches.of(device, "norm", "add_norm_" + name(y), lines.grid(), p);
  }

  /** Working memory of the sums over rows. */
  static long gradientBytes(List<TensorView> inputs, List<TensorView> outputs) {
    TensorView x = inputs.get(1);
    long c = x.shape().dim(-1);
    return outputs.size() == 1 || x.shape().elements() == 0
        ? 0
        : slices(x.shape().elements() / c) * SUMS * c * Double.BYTES;
  }

  private static long slices(long rows) {
    return Math.clamp(rows / ROWS_PER_SLICE, 1, MOST_SLICES);
  }

  Runnable gradient(KernelArgs args) {
    return gradient(args, (NormGradOp) args.op(), args.inputs().getLast(), null);
  }

  /** A gradient and what is added to it, which is the last input. */
  Runnable gradientAdd(KernelArgs args) {
    List<TensorView> in = args.inputs();
    NormGradOp op = ((FusedOp.NormGradAdd) args.op()).gradient();
    return gradient(args, op, in.get(in.size() - 2), in.getLast());
  }

  private Runnable gradient(
      KernelArgs args, NormGradOp op, TensorView r, @Nullable TensorView residual) {
    boolean centred = op instanceof NormGradOp.LayerNormGrad;
    TensorView x = args.input(1);
    TensorView weight = args.input(2);
    TensorView mean = args.input(3);
    List<TensorView> out = args.outputs();
    Shape shape = x.shape().remove(-1);
    long c = x.shape().dim(-1);
    List<Runnable> calls = new ArrayList<>();
    long rows = shape.elements();
    if (rows > 0 && c > 0) {
      Lines lines =
          Lines.of(
              shape,
              c,
              Lines.Operand.along(args.output(), -1),
              Lines.Operand.along(x, -1),
              Lines.Operand.along(args.input(0), -1),
              Lines.Operand.each(mean, shape),
              Lines.Operand.each(r, shape));
      long slices = slices(rows);
      long perSlice = Math.ceilDiv(rows, slices);
      Params p =
          lines
              .write(new Params())
              .address(Launches.start(weight))
              .int64(weight.layout().stride(0))
              .address(out.size() > 1 ? args.scratch().address() : 0)
              .address(residual == null ? 0 : Launches.start(residual))
              .int32((int) perSlice)
              .int32(centred ? 1 : 0);
      calls.add(Launches.of(device, "norm_grad", "norm_grad_" + name(x), lines.grid(), p));
      if (out.size() > 1) {
        Grid grid = new Grid((int) Math.ceilDiv(c, COLUMNS), (int) slices, 1, THREADS, 0);
        calls.add(Launches.of(device, "norm_grad", "norm_grad_columns_" + name(x), grid, p));
      }
    }
    if (out.size() > 1 && c > 0) {
      Params p =
          new Params()
              .address(args.scratch())
              .address(Launches.start(out.get(1)))
              .address(centred ? Launches.start(out.get(2)) : 0)
              .int32((int) c)
              .int32(rows > 0 ? (int) slices(rows) : 0);
      Grid grid = Grid.over(c, THREADS);
      calls.add(Launches.of(device, "norm_grad", "norm_grad_sums_" + name(x), grid, p));
    }
    return Launches.inOrder(calls);
  }

  private static String name(TensorView x) {
    return Launches.name(x.dtype());
  }
}

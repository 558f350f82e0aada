package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.LossOp;
import dev.quern.core.op.LossOp.Reduction;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.kernel.Lines.Operand;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.ArrayList;
import java.util.List;

/** Cross-entropy and its gradient: {@code cross_entropy.cu}. */
final class LossKernels {
  private static final String MODULE = "cross_entropy";
  private static final int THREADS = 256;
  private static final int PARTS = 2; // losses and weights, or the two divisors

  private final CudaDevice device;

  LossKernels(CudaDevice device) {
    this.device = device;
  }

  /** The attributes that both operations have. */
  private record Attributes(
      long ignored, double smoothing, Reduction reduction, boolean weighted) {}

  /** Working memory: losses and weights of the rows. */
  static long bytes(List<TensorView> inputs) {
    return Math.max(1, inputs.get(1).shape().elements()) * PARTS * Double.BYTES;
  }

  Runnable loss(KernelArgs args) {
    LossOp.CrossEntropy op = (LossOp.CrossEntropy) args.op();
    Attributes a =
        new Attributes(op.ignoreIndex(), op.labelSmoothing(), op.reduction(), op.weighted());
    List<TensorView> out = args.outputs();
    TensorView x = args.input(0);
    Shape rows = args.input(1).shape();
    Operand logits = Operand.along(x, -1);
    Operand none = new Operand(0, 1, new long[rows.rank()], 0);
    Operand logs = out.size() > 1 ? Operand.each(out.get(1), rows) : none;
    Lines lines = Lines.of(rows, x.shape().dim(-1), none, logits, logs, logits);
    Params p = params(args, a, lines, "crossEntropy", out.getFirst());
    String name = Launches.name(x.dtype());
    List<Runnable> calls = new ArrayList<>();
    if (rows.elements() > 0) {
      calls.add(Launches.of(device, MODULE, "cross_entropy_" + name, lines.grid(), p));
    }
    if (op.reduction() != Reduction.NONE) {
      calls.add(Launches.of(device, MODULE, "cross_entropy_sum_" + name, Grid.of(1, THREADS), p));
    }
    return Launches.inOrder(calls);
  }

  Runnable gradient(KernelArgs args) {
    LossOp.CrossEntropyGrad op = (LossOp.CrossEntropyGrad) args.op();
    Attributes a =
        new Attributes(op.ignoreIndex(), op.labelSmoothing(), op.reduction(), op.weighted());
    TensorView x = args.input(0);
    if (x.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    Shape rows = args.input(1).shape();
    TensorView g = args.input(args.inputs().size() - 2);
    Operand each =
        g.shape().rank() == 0 && rows.rank() > 0
            ? new Operand(Launches.start(g), g.dtype().blockBytes(), new long[rows.rank()], 0)
            : Operand.each(g, rows);
    Lines lines =
        Lines.of(
            rows,
            x.shape().dim(-1),
            Operand.along(args.output(), -1),
            Operand.along(x, -1),
            Operand.each(args.inputs().getLast(), rows),
            each);
    Params p = params(args, a, lines, "crossEntropyGrad", args.output());
    String name = Launches.name(x.dtype());
    return Launches.inOrder(
        List.of(
            Launches.of(device, MODULE, "cross_entropy_divisors_" + name, Grid.of(1, THREADS), p),
            Launches.of(device, MODULE, "cross_entropy_grad_" + name, lines.grid(), p)));
  }

  private Params params(KernelArgs args, Attributes a, Lines lines, String op, TensorView y) {
    TensorView targets = args.input(1);
    Shape rows = targets.shape();
    TensorView weight = a.weighted() ? args.input(2) : null;
    Params p = lines.write(new Params());
    Lines.alone(rows, 1, Operand.each(targets, rows)).write(p);
    p.address(device.status()).int32(device.site(op, "targets"));
    return p.address(weight == null ? 0 : Launches.start(weight))
        .int64(weight == null ? 0 : weight.layout().stride(0))
        .int64(a.ignored())
        .address(args.scratch())
        .address(Launches.start(y))
        .float64(a.smoothing())
        .int32(targets.dtype() == ScalarType.I64 ? 1 : 0)
        .int32(number(a.reduction()));
  }

  private static int number(Reduction r) {
    return switch (r) {
      case NONE -> 0;
      case SUM -> 1;
      case MEAN -> 2;
    };
  }
}

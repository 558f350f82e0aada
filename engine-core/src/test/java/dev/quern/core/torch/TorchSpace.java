package dev.quern.core.torch;

import static dev.quern.core.torch.TorchOps.put;
import static dev.quern.core.torch.TorchOps.putAll;

import dev.quern.core.op.ConvOp.Conv;
import dev.quern.core.op.ConvOp.ConvTranspose;
import dev.quern.core.op.PoolOp.AvgPool;
import dev.quern.core.op.PoolOp.MaxPool;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.Shape;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Convolutions, pooling, and norms over channels. */
final class TorchSpace {
  private TorchSpace() {}

  static void add() {
    for (int axes = 1; axes <= 3; axes++) {
      int n = axes;
      put("conv" + n + "d", c -> conv(c, n));
      put("conv_transpose" + n + "d", c -> convTranspose(c, n));
      put("max_pool" + n + "d", c -> maxPool(c, n));
      put("avg_pool" + n + "d", c -> avgPool(c, n));
    }
    put("group_norm", TorchSpace::groupNorm);
    putAll("batch_norm", TorchSpace::batchNorm);
  }

  private static Tensor[] bias(TorchCase c) {
    Tensor bias = c.optional("bias");
    return bias == null ? new Tensor[0] : new Tensor[] {bias};
  }

  private static Tensor conv(TorchCase c, int n) {
    if (c.text("padding", "0").equals("same")) {
      throw new TorchCase.Uncovered("padding = same");
    }
    return c.in("input")
        .conv(
            c.in("weight"),
            new Conv(
                c.perAxis("stride", n, 1),
                c.perAxis("padding", n, 0),
                c.perAxis("dilation", n, 1),
                (int) c.integer("groups", 1),
                c.has("bias")),
            bias(c));
  }

  private static Tensor convTranspose(TorchCase c, int n) {
    return c.in("input")
        .convTranspose(
            c.in("weight"),
            new ConvTranspose(
                c.perAxis("stride", n, 1),
                c.perAxis("padding", n, 0),
                c.perAxis("output_padding", n, 0),
                c.perAxis("dilation", n, 1),
                (int) c.integer("groups", 1),
                c.has("bias")),
            bias(c));
  }

  private static List<Integer> stride(TorchCase c, int n) {
    return c.perAxis(c.integers("stride").length == 0 ? "kernel_size" : "stride", n, 1);
  }

  private static Tensor maxPool(TorchCase c, int n) {
    return c.in("input")
        .maxPool(
            new MaxPool(
                c.perAxis("kernel_size", n, 1),
                stride(c, n),
                c.perAxis("padding", n, 0),
                c.perAxis("dilation", n, 1),
                c.flag("ceil_mode", false)));
  }

  private static Tensor avgPool(TorchCase c, int n) {
    if (c.isSet("divisor_override")) {
      throw new TorchCase.Uncovered("divisor_override");
    }
    return c.in("input")
        .avgPool(
            new AvgPool(
                c.perAxis("kernel_size", n, 1),
                stride(c, n),
                c.perAxis("padding", n, 0),
                c.flag("ceil_mode", false),
                c.flag("count_include_pad", true)));
  }

  private static Tensor channels(TorchCase c, @Nullable Tensor given, double otherwise) {
    Tensor x = c.in("input");
    return given == null ? x.fullLike(otherwise, Shape.of(x.shape().dim(1))) : given;
  }

  private static Tensor groupNorm(TorchCase c) {
    return c.in("input")
        .groupNorm(
            (int) c.integer("num_groups", 1),
            channels(c, c.optional("weight"), 1),
            channels(c, c.optional("bias"), 0),
            (float) c.number("eps", 1e-5));
  }

  private static List<Tensor> batchNorm(TorchCase c) {
    Tensor x = c.in("input");
    Tensor weight = channels(c, c.optional("weight"), 1);
    Tensor bias = channels(c, c.optional("bias"), 0);
    float eps = (float) c.number("eps", 1e-5);
    if (!c.flag("training", false)) {
      return List.of(x.batchNorm(weight, bias, c.in("running_mean"), c.in("running_var"), eps));
    }
    List<Tensor> y = x.batchNorm(weight, bias, eps);
    if (!c.has("running_mean")) {
      return List.of(y.getFirst());
    }
    double m = c.number("momentum", 0.1);
    double n = (double) (x.shape().elements() / x.shape().dim(1));
    return List.of(
        y.getFirst(),
        c.in("running_mean").mul(1 - m).add(y.get(1).mul(m)),
        c.in("running_var").mul(1 - m).add(y.get(2).mul(m * n / (n - 1))));
  }
}

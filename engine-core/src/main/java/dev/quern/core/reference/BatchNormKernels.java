package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BatchNormOp;
import dev.quern.core.op.BatchNormOp.BatchNorm;
import dev.quern.core.op.BatchNormOp.GroupNorm;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;

/**
 * {@link BatchNormOp}: what is normalised together is one part (a channel over the batch, a group
 * of channels of a sample); three passes over it. Parallel over parts.
 */
final class BatchNormKernels {
  private final KernelArgs args;
  private final float eps;
  private final TensorView x; // (B, C, S...)
  private final TensorView weight; // (C)
  private final TensorView bias; // (C)
  private final TensorView y; // (B, C, S...)
  private final Elements in;
  private final Elements out;

  private BatchNormKernels(KernelArgs args, float eps) {
    this.args = args;
    this.eps = eps;
    x = args.input(0);
    weight = args.input(1);
    bias = args.input(2);
    y = args.output();
    in = Elements.of(x);
    out = Elements.of(y);
  }

  static Runnable bind(KernelArgs args) {
    return switch ((BatchNormOp) args.op()) {
      case BatchNorm(float eps) -> {
        BatchNormKernels k = new BatchNormKernels(args, eps);
        long channels = k.x.shape().dim(1);
        yield () -> Slices.over(args.pool(), channels, 1, (c, _) -> k.channel(c));
      }
      case GroupNorm(int groups, float eps) -> {
        BatchNormKernels k = new BatchNormKernels(args, eps);
        long parts = k.x.shape().dim(0) * groups;
        yield () ->
            Slices.over(args.pool(), parts, 1, (p, _) -> k.group(p / groups, p % groups, groups));
      }
    };
  }

  private void channel(long c) {
    double[] statistics = part(x.layout().slice(1, c, 1, 1), y.layout().slice(1, c, 1, 1), c);
    for (int i = 0; i < 2; i++) {
      TensorView s = args.outputs().get(1 + i);
      Elements.of(s).set(s.layout().offset() + c, statistics[i]);
    }
  }

  private void group(long b, long g, int groups) {
    long each = x.shape().dim(1) / groups;
    part(
        x.layout().slice(0, b, 1, 1).slice(1, g * each, each, 1),
        y.layout().slice(0, b, 1, 1).slice(1, g * each, each, 1),
        g * each);
  }

  /** Normalises a part whose first channel is given; mean and biased variance. */
  private double[] part(Layout from, Layout to, long firstChannel) {
    Shape shape = from.shape();
    long n = shape.elements();
    Strided w = Strided.over(shape, from, to);
    double mean = 0;
    for (long i = 0; i < n; i++, w.next()) {
      mean += in.get(w.at(0));
    }
    mean /= n;
    double var = 0;
    for (long i = 0; i < n; i++, w.next()) {
      double d = in.get(w.at(0)) - mean;
      var += d * d;
    }
    var /= n;
    double r = 1 / Math.sqrt(var + eps);
    Elements weights = Elements.of(weight);
    Elements biases = Elements.of(bias);
    for (long i = 0; i < n; i++, w.next()) {
      long c = firstChannel + w.index(1);
      double scale = weights.get(weight.layout().offset() + c * weight.layout().stride(0));
      double shift = biases.get(bias.layout().offset() + c * bias.layout().stride(0));
      out.set(w.at(1), (in.get(w.at(0)) - mean) * r * scale + shift);
    }
    return new double[] {mean, var};
  }
}

package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.LossOp;
import dev.quern.core.op.LossOp.CrossEntropy;
import dev.quern.core.op.LossOp.Reduction;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import java.util.Arrays;

/** {@link LossOp}. */
final class LossKernels {
  private LossKernels() {}

  static Runnable bind(KernelArgs args) {
    return switch ((LossOp) args.op()) {
      case CrossEntropy op -> () -> crossEntropy(op, args);
    };
  }

  private static void crossEntropy(CrossEntropy op, KernelArgs args) {
    TensorView x = args.input(0); // (..., V)
    Layout targets = args.input(1).layout(); // (...)
    int v = Math.toIntExact(x.shape().dim(-1));
    double[] weights = new double[v];
    Arrays.fill(weights, 1);
    if (op.weighted()) {
      Layout w = args.input(2).layout();
      Elements.of(args.input(2)).read(w.offset(), w.stride(0), weights, 0, v);
    }
    Elements logits = Elements.of(x);
    Elements classes = Elements.of(args.input(1));
    Elements out = Elements.of(args.output());
    long to = args.output().layout().offset();
    double[] row = new double[v];
    double sum = 0;
    double weight = 0;
    Strided walk = Strided.over(targets.shape(), Strided.leading(x.layout(), 1), targets);
    for (long i = 0; i < targets.shape().elements(); i++, walk.next()) {
      long t = classes.getLong(walk.at(1));
      double loss = 0;
      if (t != op.ignoreIndex()) {
        Indices.check("crossEntropy", "targets", walk, targets.shape().rank(), t, v, false);
        logits.read(walk.at(0), x.layout().stride(-1), row, 0, v);
        loss = loss(row, (int) t, weights, op.labelSmoothing());
        weight += weights[(int) t];
      }
      sum += loss;
      if (op.reduction() == Reduction.NONE) {
        out.set(to + i, loss);
      }
    }
    if (op.reduction() != Reduction.NONE) {
      out.set(to, op.reduction() == Reduction.SUM ? sum : sum / weight);
    }
  }

  /** (1 − ε) · −w[t]·log p[t] + ε/v · Σ −w[c]·log p[c]. */
  private static double loss(double[] x, int t, double[] w, double smoothing) {
    double max = NormKernels.max(x);
    double total = 0;
    for (double l : x) {
      total += StrictMath.exp(l - max);
    }
    double log = max + StrictMath.log(total);
    double loss = w[t] * (log - x[t]);
    if (smoothing == 0) {
      return loss;
    }
    double all = 0;
    for (int c = 0; c < x.length; c++) {
      all += w[c] * (log - x[c]);
    }
    return (1 - smoothing) * loss + smoothing / x.length * all;
  }
}

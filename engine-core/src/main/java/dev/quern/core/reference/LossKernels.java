package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.LossOp;
import dev.quern.core.op.LossOp.CrossEntropy;
import dev.quern.core.op.LossOp.CrossEntropyGrad;
import dev.quern.core.op.LossOp.Reduction;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import java.util.Arrays;

/** {@link LossOp}: row by row. */
final class LossKernels {
  private static final int ROWS_PER_SLICE = 8;

  private LossKernels() {}

  static Runnable bind(KernelArgs args) {
    return switch ((LossOp) args.op()) {
      case CrossEntropy op -> () -> crossEntropy(op, args);
      case CrossEntropyGrad op -> () -> crossEntropyGrad(op, args);
    };
  }

  private static double[] weights(KernelArgs args, boolean weighted) {
    double[] weights = new double[Math.toIntExact(args.input(0).shape().dim(-1))];
    Arrays.fill(weights, 1);
    if (weighted) {
      Layout w = args.input(2).layout();
      Elements.of(args.input(2)).read(w.offset(), w.stride(0), weights, 0, weights.length);
    }
    return weights;
  }

  private static void crossEntropy(CrossEntropy op, KernelArgs args) {
    TensorView x = args.input(0); // (..., V)
    Layout targets = args.input(1).layout(); // (...)
    double[] weights = weights(args, op.weighted());
    int v = weights.length;
    Elements logits = Elements.of(x);
    Elements classes = Elements.of(args.input(1));
    Elements out = Elements.of(args.output());
    long to = args.output().layout().offset();
    TensorView kept = args.outputs().size() > 1 ? args.outputs().get(1) : null;
    double[] row = new double[v];
    double sum = 0;
    double weight = 0;
    Strided walk = Strided.over(targets.shape(), Strided.leading(x.layout(), 1), targets);
    for (long i = 0; i < targets.shape().elements(); i++, walk.next()) {
      long t = classes.getLong(walk.at(1));
      double loss = 0;
      double log = 0;
      if (t != op.ignoreIndex()) {
        Indices.check("crossEntropy", "targets", walk, targets.shape().rank(), t, v, false);
        logits.read(walk.at(0), x.layout().stride(-1), row, 0, v);
        log = logSumExp(row);
        loss = loss(row, (int) t, log, weights, op.labelSmoothing());
        weight += weights[(int) t];
      }
      sum += loss;
      if (op.reduction() == Reduction.NONE) {
        out.set(to + i, loss);
      }
      if (kept != null) {
        Elements.of(kept).set(kept.layout().offset() + i, log);
      }
    }
    if (op.reduction() != Reduction.NONE) {
      out.set(to, op.reduction() == Reduction.SUM ? sum : sum / weight);
    }
  }

  private static double logSumExp(double[] x) {
    double max = NormKernels.max(x);
    double total = 0;
    for (double l : x) {
      total += StrictMath.exp(l - max);
    }
    return max + StrictMath.log(total);
  }

  /** (1 − ε) · −w[t]·log p[t] + ε/v · Σ −w[c]·log p[c]. */
  private static double loss(double[] x, int t, double log, double[] w, double smoothing) {
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

  private static void crossEntropyGrad(CrossEntropyGrad op, KernelArgs args) {
    TensorView x = args.input(0); // (..., V)
    TensorView targets = args.input(1); // (...)
    TensorView g = args.input(args.inputs().size() - 2); // (...), or one
    TensorView logs = args.inputs().getLast(); // (...)
    TensorView y = args.output(); // (..., V)
    double[] weights = weights(args, op.weighted());
    Elements classes = Elements.of(targets);
    double count = op.reduction() == Reduction.MEAN ? 0 : 1;
    Strided each = Strided.over(targets.shape(), targets.layout());
    for (long i = 0; i < targets.shape().elements(); i++, each.next()) {
      long t = classes.getLong(each.at(0));
      if (t != op.ignoreIndex()) {
        int rank = targets.shape().rank();
        Indices.check("crossEntropyGrad", "targets", each, rank, t, weights.length, false);
        count += op.reduction() == Reduction.MEAN ? weights[(int) t] : 0;
      }
    }
    double divisor = count;
    Slices.over(
        args.pool(),
        targets.shape().elements(),
        ROWS_PER_SLICE,
        (from, to) -> {
          double[] row = new double[weights.length];
          Strided w =
              Strided.over(
                      targets.shape(),
                      Strided.leading(x.layout(), 1),
                      targets.layout(),
                      g.layout(),
                      logs.layout())
                  .seek(from);
          for (long i = from; i < to; i++, w.next()) {
            long t = classes.getLong(w.at(1));
            if (t == op.ignoreIndex()) {
              Arrays.fill(row, 0);
            } else {
              Elements.of(x).read(w.at(0), x.layout().stride(-1), row, 0, row.length);
              double scale = Elements.of(g).get(w.at(2)) / divisor;
              slope(row, (int) t, Elements.of(logs).get(w.at(3)), weights, op, scale);
            }
            for (int c = 0; c < row.length; c++) {
              Elements.of(y).set(y.layout().offset() + i * row.length + c, row[c]);
            }
          }
        });
  }

  /** The gradient of one row, in place of its logits. */
  private static void slope(
      double[] x, int t, double log, double[] w, CrossEntropyGrad op, double scale) {
    double smooth = op.labelSmoothing() / x.length;
    double all = 0;
    for (double c : w) {
      all += c;
    }
    for (int c = 0; c < x.length; c++) {
      double p = StrictMath.exp(x[c] - log);
      double own = w[t] * (p - (c == t ? 1 : 0));
      x[c] = scale * ((1 - op.labelSmoothing()) * own + smooth * (all * p - w[c]));
    }
  }
}

package dev.quern.core.op;

import dev.quern.core.op.LossOp.CrossEntropy;
import dev.quern.core.op.LossOp.CrossEntropyGrad;
import dev.quern.core.op.LossOp.Reduction;
import dev.quern.core.type.ScalarType;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Cross-entropy and its gradient spelled in smaller operations. */
final class LossMath {
  private LossMath() {}

  /**
   * What both need of the targets.
   *
   * @param valid BOOL [...], whether a target counts
   * @param classes I64 [...], the targets, 0 for those that don't count
   * @param weights [v], or null for ones
   * @param own [...], the weight of each target, 0 for those that don't count
   */
  private record Targets(Tensor valid, Tensor classes, @Nullable Tensor weights, Tensor own) {
    static Targets of(List<Tensor> in, long ignoreIndex, boolean weighted) {
      Tensor x = in.get(0);
      Tensor t = in.get(1).cast(ScalarType.I64);
      Tensor valid = t.notEqual(t.fullLike((double) ignoreIndex));
      Tensor safe = valid.where(t, t.fullLike(0));
      // gather would count a negative target from the end; v is outside, and says so
      safe = safe.less(t.scalarLike(0)).where(t.fullLike((double) x.shape().dim(-1)), safe);
      Tensor weights = weighted ? in.get(2) : null;
      Tensor each = weights == null ? x.fullLike(1) : weights.expand(x.shape());
      Tensor own = each.gather(-1, safe.unsqueeze(-1)).squeeze(-1);
      return new Targets(valid, safe, weights, valid.where(own, own.scalarLike(0)));
    }
  }

  static Tensor crossEntropy(CrossEntropy op, List<Tensor> in) {
    Tensor x = in.get(0);
    Targets t = Targets.of(in, op.ignoreIndex(), op.weighted());
    Tensor logP = x.logSoftmax(-1);
    Tensor losses = logP.gather(-1, t.classes().unsqueeze(-1)).squeeze(-1).mul(t.own()).neg();
    if (op.labelSmoothing() > 0) {
      Tensor all = (t.weights() == null ? logP : logP.mul(t.weights())).sum(false, -1).neg();
      losses =
          losses
              .mul(1 - op.labelSmoothing())
              .add(all.mul(op.labelSmoothing() / (double) x.shape().dim(-1)));
    }
    losses = t.valid().where(losses, losses.scalarLike(0));
    return switch (op.reduction()) {
      case NONE -> losses;
      case SUM -> losses.sum();
      case MEAN -> losses.sum().div(t.own().sum());
    };
  }

  static Tensor crossEntropyGradient(CrossEntropyGrad op, List<Tensor> in) {
    Tensor x = in.get(0);
    long v = x.shape().dim(-1);
    Targets t = Targets.of(in, op.ignoreIndex(), op.weighted());
    Tensor p = x.softmax(-1);
    Tensor columns = x.arange(ScalarType.I64, v);
    Tensor hot = t.classes().unsqueeze(-1).equal(columns).cast(x.dtype());
    Tensor d = p.sub(hot).mul(t.own().unsqueeze(-1));
    if (op.labelSmoothing() > 0) {
      Tensor w = t.weights() == null ? x.scalarLike(1).expand(columns.shape()) : t.weights();
      Tensor smooth = p.mul(w.sum()).sub(w).mul(op.labelSmoothing() / (double) v);
      d = d.mul(1 - op.labelSmoothing()).add(smooth);
    }
    Tensor g = in.get(in.size() - 2);
    if (op.reduction() == Reduction.MEAN) {
      g = g.div(t.own().sum());
    }
    Tensor scaled = d.mul(op.reduction() == Reduction.NONE ? g.unsqueeze(-1) : g);
    return t.valid().unsqueeze(-1).where(scaled, scaled.scalarLike(0));
  }
}

package dev.quern.core.op;

import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.List;

/** Losses. */
public sealed interface LossOp extends Op {
  /** How per-element losses become the result. */
  enum Reduction {
    /** One loss per target. */
    NONE,
    /** Their sum. */
    SUM,
    /**
     * Their mean over the targets that are not ignored, weighted by class weight if there is one.
     */
    MEAN
  }

  /**
   * Cross-entropy of logits against class indices: −w[t] · logSoftmax(x)[t], mixed with label
   * smoothing ε as (1 − ε) · that + ε/v · Σ_c −w[c] · logSoftmax(x)[c]. Inputs logits [..., v],
   * targets [...] (I32|I64), and if weighted class weights [v]. Ignored targets cost 0; any other
   * index outside 0..v−1 is an error.
   *
   * @param ignoreIndex the target that is skipped, usually −100
   * @param labelSmoothing ε, 0 ≤ ε &lt; 1
   * @param reduction how losses are combined
   * @param weighted whether there are class weights
   */
  record CrossEntropy(
      long ignoreIndex, double labelSmoothing, Reduction reduction, boolean weighted)
      implements LossOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, weighted ? 3 : 2);
      TensorSpec x = in.getFirst();
      Infer.floating(this, List.of(x));
      Infer.rankAtLeast(this, x, "logits", 1);
      Infer.index(this, in.get(1), "targets");
      Shape rows = x.shape().remove(-1);
      Infer.shape(this, in.get(1), "targets", rows);
      if (weighted) {
        Infer.require(this, in.get(2), "weight", x.dtype());
        Infer.shape(this, in.get(2), "weight", Shape.of(x.shape().dim(-1)));
      }
      return List.of(x.as(reduction == Reduction.NONE ? rows : Shape.SCALAR));
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor x = in.get(0);
      Tensor t = in.get(1).cast(ScalarType.I64);
      Tensor valid = t.notEqual(t.fullLike((double) ignoreIndex));
      Tensor safe = valid.where(t, t.fullLike(0));
      // gather would count a negative target from the end; v is outside, and says so
      safe = safe.less(t.scalarLike(0)).where(t.fullLike((double) x.shape().dim(-1)), safe);
      Tensor logP = x.logSoftmax(-1);
      Tensor weight = weighted ? in.get(2).expand(x.shape()) : x.fullLike(1);
      Tensor w = weight.gather(-1, safe.unsqueeze(-1)).squeeze(-1);
      Tensor picked = logP.gather(-1, safe.unsqueeze(-1)).squeeze(-1).mul(w).neg();
      Tensor zero = picked.fullLike(0);
      if (labelSmoothing > 0) {
        Tensor all = logP.mul(weight).sum(false, -1).neg();
        picked =
            picked
                .mul(1 - labelSmoothing)
                .add(all.mul(labelSmoothing / (double) x.shape().dim(-1)));
      }
      Tensor losses = valid.where(picked, zero);
      return List.of(
          switch (reduction) {
            case NONE -> losses;
            case SUM -> losses.sum();
            case MEAN -> losses.sum().div(valid.where(w, zero).sum());
          });
    }
  }
}

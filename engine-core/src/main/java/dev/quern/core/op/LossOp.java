package dev.quern.core.op;

import dev.quern.core.type.GradientException;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Losses and their gradients. */
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
   * index outside 0..v−1 is an error. Residual: log Σ eˣ of each row that is not ignored, F32 (F64
   * for F64) [...]. The mean over no targets is NaN, and its gradient 0.
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
      operands(this, in, weighted);
      TensorSpec x = in.getFirst();
      return List.of(x.as(reduction == Reduction.NONE ? x.shape().remove(-1) : Shape.SCALAR));
    }

    @Override
    public List<TensorSpec> residuals(List<TensorSpec> in) {
      TensorSpec x = in.getFirst();
      return List.of(new TensorSpec(Infer.statistics(x), x.shape().remove(-1)));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      if (weighted && p.needs(2)) {
        throw new GradientException(
            "[crossEntropy] has no gradient for its class weights; detach() them");
      }
      Tensor x = p.input(0);
      Tensor rows =
          p.residuals().isEmpty()
              ? x.cast(Infer.statistics(x.spec())).logSumExp(false, -1)
              : p.residuals().getFirst();
      List<Tensor> in = new ArrayList<>(p.inputs());
      in.add(p.gradient());
      in.add(rows);
      Op grad = new CrossEntropyGrad(ignoreIndex, labelSmoothing, reduction, weighted);
      return p.onlyFirst(x.executor().apply(grad, in).getFirst());
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(LossMath.crossEntropy(this, in));
    }
  }

  /**
   * The gradient of {@link CrossEntropy} for its logits: with p = softmax(x) and W = Σ_c w[c], each
   * row is g · ((1 − ε)·w[t]·(p − onehot(t)) + ε/v · (W·p − w)), for the mean divided by Σ w[t]
   * over the targets that are not ignored; 0 for those that are. Inputs: those of the loss, then g
   * (the loss's shape) and log Σ eˣ of each row, as the loss left it. Output: the logits' shape.
   *
   * @param ignoreIndex as the loss's
   * @param labelSmoothing as the loss's
   * @param reduction as the loss's
   * @param weighted as the loss's
   */
  record CrossEntropyGrad(
      long ignoreIndex, double labelSmoothing, Reduction reduction, boolean weighted)
      implements LossOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, weighted ? 5 : 4);
      operands(this, in, weighted);
      TensorSpec x = in.getFirst();
      Shape rows = x.shape().remove(-1);
      TensorSpec g = in.get(in.size() - 2);
      Infer.require(this, g, "gradient", x.dtype());
      Infer.shape(this, g, "gradient", reduction == Reduction.NONE ? rows : Shape.SCALAR);
      Infer.require(this, in.getLast(), "logSumExp", Infer.statistics(x));
      Infer.shape(this, in.getLast(), "logSumExp", rows);
      return List.of(x);
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(LossMath.crossEntropyGradient(this, in));
    }
  }

  private static void operands(Op op, List<TensorSpec> in, boolean weighted) {
    TensorSpec x = in.getFirst();
    Infer.floating(op, List.of(x));
    Infer.rankAtLeast(op, x, "logits", 1);
    Infer.index(op, in.get(1), "targets");
    Infer.shape(op, in.get(1), "targets", x.shape().remove(-1));
    if (weighted) {
      Infer.require(op, in.get(2), "weight", x.dtype());
      Infer.shape(op, in.get(2), "weight", Shape.of(x.shape().dim(-1)));
    }
  }
}

package dev.quern.transformer.train.loss;

import dev.quern.core.op.LossOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.Shape;
import org.jspecify.annotations.Nullable;

/**
 * Cross-entropy of logits [..., classes] against class indices [...] (I32|I64; [b, 1] will do for
 * logits [b, classes]): with p = softmax(x), t the target and w the class weights,
 *
 * <p>−(1 − ε)·w[t]·log p[t] − ε/classes · Σ_c w[c]·log p[c],
 *
 * <p>ε being label smoothing (Szegedy et al., "Rethinking the Inception architecture", 2016,
 * section 7). The mean divides by Σ w[t] over the targets that are not ignored; over none it is
 * NaN, and its gradient 0. Language models, causal and masked, are trained with it: logits [b, t,
 * v], labels [b, t], {@link CausalLanguageModel} where labels are yet to be moved.
 *
 * @param ignoreIndex the target that is skipped
 * @param labelSmoothing ε, 0 ≤ ε &lt; 1
 * @param reduction how the losses of targets become one
 * @param weights w, [classes], of the logits' dtype; null for ones. They get no gradient
 */
public record CrossEntropy(
    long ignoreIndex, double labelSmoothing, Reduction reduction, @Nullable Tensor weights)
    implements Criterion {
  /** The target that is skipped unless another one is chosen. */
  public static final int IGNORE = -100;

  /**
   * A loss.
   *
   * @throws LossException if the smoothing is out of range
   */
  public CrossEntropy {
    LossException.check("cross_entropy", "label_smoothing", labelSmoothing, 0, 0.999999);
  }

  /** The mean over targets other than −100, without smoothing. */
  public CrossEntropy() {
    this(0);
  }

  /**
   * The mean over targets other than −100.
   *
   * @param labelSmoothing ε, 0 ≤ ε &lt; 1
   * @throws LossException if the smoothing is out of range
   */
  public CrossEntropy(double labelSmoothing) {
    this(IGNORE, labelSmoothing, Reduction.MEAN, null);
  }

  @Override
  public Tensor of(Tensor prediction, Tensor target) {
    Tensor t = flat(prediction.shape(), target);
    LossOp.CrossEntropy op =
        new LossOp.CrossEntropy(ignoreIndex, labelSmoothing, kind(), weights != null);
    Tensor loss =
        weights == null
            ? prediction.crossEntropy(t, op)
            : prediction.crossEntropy(t, op, weights.detach());
    return reduction == Reduction.BATCH_MEAN ? loss.div((double) t.shape().dim(0)) : loss;
  }

  private static Tensor flat(Shape logits, Tensor target) {
    Shape s = target.shape();
    boolean column = s.rank() == logits.rank() && s.rank() > 1 && s.dim(-1) == 1;
    return column ? target.squeeze(-1) : target;
  }

  private LossOp.Reduction kind() {
    return switch (reduction) {
      case NONE -> LossOp.Reduction.NONE;
      case SUM, BATCH_MEAN -> LossOp.Reduction.SUM;
      case MEAN -> LossOp.Reduction.MEAN;
    };
  }
}

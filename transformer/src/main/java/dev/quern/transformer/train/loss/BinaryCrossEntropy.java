package dev.quern.transformer.train.loss;

import dev.quern.core.op.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Binary cross-entropy of logits x against targets y in [0, 1] of the same shape: −w·y·log σ(x) −
 * (1 − y)·log(1 − σ(x)), computed as (1 − y)·x + (1 + (w − 1)·y)·log(1 + e^−x), which no logit
 * overflows.
 *
 * @param positiveWeight w, broadcasts to the logits, of their dtype; null for 1. It gets no
 *     gradient
 * @param reduction how losses become one
 */
public record BinaryCrossEntropy(@Nullable Tensor positiveWeight, Reduction reduction)
    implements Criterion {
  /** The mean, with weight 1. */
  public BinaryCrossEntropy() {
    this(null, Reduction.MEAN);
  }

  @Override
  public Tensor of(Tensor prediction, Tensor target) {
    Tensor x = prediction;
    Tensor y = Pairs.target("bce", x, target);
    // log(e^0 + e^−x): the largest term is taken out of the sum, and the gradient at 0 is one half
    Tensor softplus = x.neg().stack(-1, x.fullLike(0)).logSumExp(false, -1);
    if (positiveWeight != null) {
      softplus = softplus.mul(positiveWeight.detach().sub(1).mul(y).add(1));
    }
    return reduction.of(y.neg().add(1).mul(x).add(softplus));
  }
}

package dev.quern.transformer.train.loss;

import dev.quern.core.op.Tensor;

/**
 * The divergence of Kullback and Leibler ("On information and sufficiency", 1951) of a prediction,
 * given as log-probabilities q, from target probabilities p of the same shape: p·(log p − q), 0
 * where p is 0. The divergence of whole distributions, averaged over the batch, is {@link
 * Reduction#BATCH_MEAN}.
 *
 * @param logTarget whether targets are log-probabilities too
 * @param reduction how losses become one
 */
public record KlDivergence(boolean logTarget, Reduction reduction) implements Criterion {
  /** Targets are probabilities, and the sum is averaged over the first axis. */
  public KlDivergence() {
    this(false, Reduction.BATCH_MEAN);
  }

  @Override
  public Tensor of(Tensor prediction, Tensor target) {
    Tensor p = Pairs.target("kl", prediction, target);
    if (logTarget) {
      return reduction.of(p.exp().mul(p.sub(prediction)));
    }
    Tensor none = p.equal(p.scalarLike(0));
    Tensor log = none.where(p.scalarLike(1), p).log();
    return reduction.of(none.where(p.scalarLike(0), p.mul(log.sub(prediction))));
  }
}

package dev.quern.transformer.train.loss;

import dev.quern.core.op.Tensor;

/**
 * Squares near 0, distances beyond (Girshick, "Fast R-CNN", 2015, equation 3): with d = x − y, d² /
 * (2β) where |d| &lt; β, else |d| − β/2.
 *
 * @param beta β, where it turns; with 0 it is {@link AbsoluteError}
 * @param reduction how losses become one
 */
public record SmoothL1(double beta, Reduction reduction) implements Criterion {
  /**
   * A loss.
   *
   * @throws LossException if beta is negative or infinite
   */
  public SmoothL1 {
    LossException.check("smooth_l1", "beta", beta, 0, Double.MAX_VALUE);
  }

  /** The mean, with β = 1. */
  public SmoothL1() {
    this(1, Reduction.MEAN);
  }

  @Override
  public Tensor of(Tensor prediction, Tensor target) {
    if (beta == 0) {
      return new AbsoluteError(reduction).of(prediction, target);
    }
    Tensor d = prediction.sub(Pairs.target("smooth_l1", prediction, target));
    Tensor size = d.abs();
    Tensor near = size.less(size.scalarLike(beta));
    return reduction.of(near.where(d.mul(d).mul(0.5 / beta), size.sub(0.5 * beta)));
  }
}

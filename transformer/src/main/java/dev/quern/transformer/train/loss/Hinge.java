package dev.quern.transformer.train.loss;

import dev.quern.core.op.Tensor;

/**
 * max(0, margin − y·x) for scores x and targets y of −1 or 1, of the same shape (Cortes and Vapnik,
 * "Support-vector networks", 1995). Its gradient at the margin is 0.
 *
 * @param margin from which on a right score costs nothing
 * @param reduction how losses become one
 */
public record Hinge(double margin, Reduction reduction) implements Criterion {
  /**
   * A loss.
   *
   * @throws LossException if the margin is negative or infinite
   */
  public Hinge {
    LossException.check("hinge", "margin", margin, 0, Double.MAX_VALUE);
  }

  /** The mean, with margin 1. */
  public Hinge() {
    this(1, Reduction.MEAN);
  }

  @Override
  public Tensor of(Tensor prediction, Tensor target) {
    Tensor y = Pairs.target("hinge", prediction, target);
    return reduction.of(y.mul(prediction).neg().add(margin).relu());
  }
}

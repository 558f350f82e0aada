package dev.quern.transformer.train.loss;

import dev.quern.core.op.Tensor;

/**
 * (x − y)², for prediction and target of the same shape.
 *
 * @param reduction how losses become one
 */
public record MeanSquared(Reduction reduction) implements Criterion {
  /** The mean. */
  public MeanSquared() {
    this(Reduction.MEAN);
  }

  @Override
  public Tensor of(Tensor prediction, Tensor target) {
    Tensor d = prediction.sub(Pairs.target("mse", prediction, target));
    return reduction.of(d.mul(d));
  }
}

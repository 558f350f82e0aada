package dev.quern.transformer.train.loss;

import dev.quern.core.op.Tensor;

/**
 * |x − y|, for prediction and target of the same shape. Its gradient where they agree is 0.
 *
 * @param reduction how losses become one
 */
public record AbsoluteError(Reduction reduction) implements Criterion {
  /** The mean. */
  public AbsoluteError() {
    this(Reduction.MEAN);
  }

  @Override
  public Tensor of(Tensor prediction, Tensor target) {
    return reduction.of(prediction.sub(Pairs.target("l1", prediction, target)).abs());
  }
}

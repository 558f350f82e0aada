package dev.quern.transformer.train.loss;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ShapeException;

/** Predictions and targets of one shape. */
final class Pairs {
  private Pairs() {}

  /** The target in the prediction's dtype, of its shape. */
  static Tensor target(String loss, Tensor prediction, Tensor target) {
    if (!prediction.shape().equals(target.shape())) {
      throw new ShapeException(
          "[%s] prediction %s and target %s differ in shape; reshape one of them"
              .formatted(loss, prediction.spec(), target.spec()));
    }
    return target.cast(prediction.dtype());
  }
}

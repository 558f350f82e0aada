package dev.quern.transformer.train.loss;

import dev.quern.core.op.Tensor;

/** How losses of elements become one. */
public enum Reduction {
  /** They don't. */
  NONE,
  /** Their sum. */
  SUM,
  /** Their mean. */
  MEAN,
  /** Their sum divided by the extent of the first axis. */
  BATCH_MEAN;

  /**
   * Reduces losses.
   *
   * @param losses any shape, floating point
   * @return a scalar; the losses themselves for {@link #NONE}
   */
  public Tensor of(Tensor losses) {
    return switch (this) {
      case NONE -> losses;
      case SUM -> losses.sum();
      case MEAN -> losses.mean();
      case BATCH_MEAN ->
          losses.sum().div(losses.shape().rank() == 0 ? 1 : (double) losses.shape().dim(0));
    };
  }
}

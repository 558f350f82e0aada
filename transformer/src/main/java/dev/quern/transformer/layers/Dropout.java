package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;

/**
 * Dropout (Srivastava et al. 2014). In inference the identity; in training each element becomes 0
 * with probability p, and the others are divided by 1 − p.
 *
 * @param probability p, 0 ≤ p &lt; 1
 */
public record Dropout(double probability) implements Layer {

  /**
   * Checks the probability.
   *
   * @throws IllegalArgumentException if it is outside [0, 1)
   */
  public Dropout {
    if (!(probability >= 0 && probability < 1)) {
      throw new IllegalArgumentException(
          "[dropout] probability is " + probability + "; it must be in [0, 1)");
    }
  }

  /**
   * Inference: nothing is dropped.
   *
   * @param x any
   * @return x itself
   */
  @Override
  public Tensor forward(Tensor x) {
    return x;
  }

  /**
   * Training: drops by Philox, so that a seed drops the same elements on every machine.
   *
   * @param x any shape, floating point
   * @param seed I64 [2], seed and offset
   * @return same shape and dtype
   */
  public Tensor forward(Tensor x, Tensor seed) {
    return probability == 0 ? x : x.dropout((float) probability, seed);
  }
}

package dev.quern.transformer.train.loss;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;

/**
 * Cross-entropy of logits [b, t, v] against labels [b, t] that stand where the tokens do: the
 * logits of place i answer for label i + 1. For labels as Hugging Face's models take them; the
 * collators of {@code dev.quern.transformer.data} move labels themselves, and need {@link
 * CrossEntropy} alone.
 *
 * @param each the loss of a token
 */
public record CausalLanguageModel(CrossEntropy each) implements Criterion {
  @Override
  public Tensor of(Tensor prediction, Tensor target) {
    Shape s = prediction.shape();
    if (s.rank() < 2 || !s.remove(-1).equals(target.shape()) || s.dim(-2) < 2) {
      throw new ShapeException(
          "[causal_lm] logits must be [..., t, v] and labels [..., t] with t of 2 or more, not "
              + prediction.spec()
              + " and "
              + target.spec());
    }
    long t = s.dim(-2) - 1;
    return each.of(prediction.slice(-2, 0, t), target.slice(-1, 1, t));
  }
}

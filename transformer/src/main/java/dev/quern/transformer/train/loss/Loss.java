package dev.quern.transformer.train.loss;

import dev.quern.core.op.Tensor;
import java.util.Map;

/**
 * What training makes small: a scalar from what a model computed and what the batch holds. Written
 * in tensor operations, so that a tape finds its gradient and a plan can record it.
 *
 * <p>Most losses compare one output with one field of the batch: those are {@link Criterion}s,
 * bound to names with {@link Criterion#on}. Anything else is a lambda:
 *
 * {@snippet :
 * Loss loss = (outputs, batch) ->
 *     new CrossEntropy().of(outputs.get("logits"), batch.get("labels"))
 *         .add(outputs.get("hidden").mul(outputs.get("hidden")).mean().mul(1e-4));
 * }
 */
@FunctionalInterface
public interface Loss {
  /**
   * The loss of a batch.
   *
   * @param outputs of the model, by name
   * @param batch its fields, by name
   * @return a scalar of floating point
   */
  Tensor of(Map<String, Tensor> outputs, Map<String, Tensor> batch);

  /**
   * This and a share of another loss.
   *
   * @param other another loss of the same model
   * @param weight what it is multiplied with
   * @return this + weight · other
   */
  default Loss plus(Loss other, double weight) {
    return (outputs, batch) -> of(outputs, batch).add(other.of(outputs, batch).mul(weight));
  }
}

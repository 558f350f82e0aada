package dev.quern.transformer.train.loss;

import dev.quern.core.op.Tensor;
import java.util.Map;

/** A loss of one prediction and one target. */
@FunctionalInterface
public interface Criterion {
  /**
   * The loss.
   *
   * @param prediction of the model, floating point
   * @param target what it should be; each criterion says of which shape and dtype
   * @return a scalar, or one loss per target if nothing is reduced; the prediction's dtype
   */
  Tensor of(Tensor prediction, Tensor target);

  /**
   * The loss of a named output and a named field.
   *
   * @param output of the model, such as {@code logits}
   * @param field of the batch, such as {@code labels}
   * @return a loss that takes this criterion of the two
   */
  default Loss on(String output, String field) {
    return (outputs, batch) ->
        of(named("output", output, outputs), named("batch field", field, batch));
  }

  private static Tensor named(String what, String name, Map<String, Tensor> all) {
    Tensor t = all.get(name);
    if (t == null) {
      throw new LossException(
          "[loss] there is no %s '%s'; there are %s".formatted(what, name, all.keySet()));
    }
    return t;
  }
}

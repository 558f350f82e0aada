package dev.quern.transformer.train.optimizer;

import dev.quern.core.type.TensorSpec;
import java.util.List;
import java.util.function.BiPredicate;

/**
 * Parameters that are treated alike. A parameter belongs to the first group that takes it.
 *
 * @param name for errors
 * @param takes whether a parameter, by name and spec, belongs to it
 * @param rateScale what the learning rate is multiplied with
 * @param weightDecay its weight decay; NaN for the optimiser's
 */
public record ParameterGroup(
    String name, BiPredicate<String, TensorSpec> takes, double rateScale, double weightDecay) {
  /**
   * A group.
   *
   * @throws OptimizerException if the scale or the weight decay is negative or infinite
   */
  public ParameterGroup {
    OptimizerException.check("group '" + name + "'", "rateScale", rateScale, 0, Double.MAX_VALUE);
    if (!Double.isNaN(weightDecay)) {
      OptimizerException.check(
          "group '" + name + "'", "weightDecay", weightDecay, 0, Double.MAX_VALUE);
    }
  }

  /**
   * The usual groups: what has two axes or more (maps, embeddings) has the optimiser's weight
   * decay, what has one or none (biases, the weights of norms) has no weight decay.
   *
   * @return two groups that take everything
   */
  public static List<ParameterGroup> usual() {
    return List.of(
        new ParameterGroup("matrices", (_, spec) -> spec.shape().rank() >= 2, 1, Double.NaN),
        new ParameterGroup("vectors", (_, _) -> true, 1, 0));
  }

  /**
   * One group for everything, with the optimiser's weight decay.
   *
   * @return a list of one group
   */
  public static List<ParameterGroup> all() {
    return List.of(new ParameterGroup("all", (_, _) -> true, 1, Double.NaN));
  }
}

package dev.quern.transformer.train.optimizer;

import dev.quern.core.type.TensorSpec;
import java.util.Map;

/**
 * A rule that moves parameters against their gradients. It has no state of its own: {@link
 * ParameterUpdates} keeps the state of each parameter in buffers, and calls {@link #update} once
 * per parameter, eagerly or while a plan is recorded.
 *
 * <p>Whatever changes from step to step (learning rate, bias correction) is one of its {@link
 * #scalars}, computed on the host in F64 and read from memory by the step, so that one recording
 * serves all steps. A rule of one's own:
 *
 * {@snippet :
 * record SignDescent() implements Optimizer {
 *   public int scalars() {
 *     return 1;
 *   }
 *
 *   public void scalars(StepContext at, double[] into) {
 *     into[0] = at.rate();
 *   }
 *
 *   public void update(ParameterUpdate u) {
 *     Tensor g = u.gradient();
 *     u.assign(u.parameter().sub(g.div(g.abs().add(1e-12)).mul(u.scalar(0))));
 *   }
 * }
 * }
 */
public interface Optimizer {
  /**
   * The state it keeps for one parameter; all zeros before the first step.
   *
   * @param parameter dtype and shape of the parameter
   * @return name to spec, in a fixed order; none unless overridden
   */
  default Map<String, TensorSpec> state(TensorSpec parameter) {
    return Map.of();
  }

  /**
   * How many numbers it needs that change from step to step.
   *
   * @return the length of the array that {@link #scalars(StepContext, double[])} fills
   */
  int scalars();

  /**
   * Computes those numbers for one parameter group at one step.
   *
   * @param at the step, its rate, and what the schedule and the group ask for
   * @param into {@link #scalars()} numbers, to be filled
   */
  void scalars(StepContext at, double[] into);

  /**
   * Moves one parameter: writes it and its state with {@link ParameterUpdate#assign}.
   *
   * @param u the parameter, its gradient, state and scalars
   */
  void update(ParameterUpdate u);

  /**
   * The weight decay of groups that don't have their own.
   *
   * @return 0 unless overridden
   */
  default double weightDecay() {
    return 0;
  }
}

package dev.quern.transformer.train.optimizer;

/**
 * One step of one parameter group.
 *
 * @param step 1 for the first update; updates that were skipped are not counted
 * @param rate the learning rate of the step, times the group's scale
 * @param momentum the momentum, or Adam's β₁, that a schedule asks for; NaN where the optimiser's
 *     own stays
 * @param weightDecay of the group
 */
public record StepContext(long step, double rate, double momentum, double weightDecay) {
  /**
   * The momentum of the step.
   *
   * @param own the optimiser's
   * @return the schedule's if it has one, else the optimiser's
   */
  public double momentum(double own) {
    return Double.isNaN(momentum) ? own : momentum;
  }
}

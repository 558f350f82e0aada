package dev.quern.transformer.train.optimizer;

/**
 * What the training loop decides about one update.
 *
 * @param step 1 for the first update; updates that were skipped are not counted
 * @param rate the learning rate
 * @param momentum the momentum, or Adam's β₁, that a schedule asks for; NaN where the optimiser's
 *     own stays
 * @param lossScale what the loss was multiplied with before its gradients were taken; 1 for nothing
 */
public record StepSettings(long step, double rate, double momentum, double lossScale) {
  /**
   * An update.
   *
   * @throws OptimizerException if the step is below 1, the rate negative or not a number, or the
   *     scale not positive
   */
  public StepSettings {
    if (step < 1) {
      throw new OptimizerException("[step] step is " + step + "; the first update is step 1");
    }
    OptimizerException.check("step", "rate", rate, 0, Double.MAX_VALUE);
    OptimizerException.check("step", "lossScale", lossScale, Double.MIN_NORMAL, 0x1p1000);
    if (!Double.isNaN(momentum)) {
      OptimizerException.checkBelow("step", "momentum", momentum, 1);
    }
  }

  /**
   * An update with the optimiser's own momentum and an unscaled loss.
   *
   * @param step 1 for the first update
   * @param rate the learning rate
   * @throws OptimizerException if the step is below 1, or the rate negative or not a number
   */
  public StepSettings(long step, double rate) {
    this(step, rate, Double.NaN, 1);
  }
}

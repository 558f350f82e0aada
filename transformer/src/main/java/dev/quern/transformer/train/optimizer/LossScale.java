package dev.quern.transformer.train.optimizer;

/**
 * What the loss is multiplied with before its gradients are taken, so that small ones don't vanish
 * in F16 (Micikevicius et al., "Mixed precision training", 2018, section 3.2). The update divides
 * by it again, and is skipped where the gradients became infinite: {@link
 * ParameterUpdates.Builder#skippingNonFinite}.
 *
 * <p>A value, not a thing: {@link #next} says what the next step takes, and a checkpoint keeps
 * {@link #scale} and {@link #goodSteps}.
 *
 * {@snippet :
 * LossScale scale = LossScale.dynamic();
 * double norm = updates.step(gradientsOf(loss.mul(scale.scale())),
 *     new StepSettings(step, rate, Double.NaN, scale.scale()));
 * step += Double.isFinite(norm) ? 1 : 0;
 * scale = scale.next(Double.isFinite(norm));
 * }
 *
 * @param scale the factor, more than 0
 * @param growth what it grows by, at least 1
 * @param shrink what a step that is skipped multiplies it with, more than 0, at most 1
 * @param interval after how many good steps in a row it grows, at least 1
 * @param goodSteps how many there were since it last changed
 */
public record LossScale(double scale, double growth, double shrink, long interval, long goodSteps) {
  /** Beyond this the scale stays as it is: far from F32's largest number. */
  private static final double LARGEST = 0x1p60;

  private static final double SMALLEST = 0x1p-60;

  /**
   * A scale.
   *
   * @throws OptimizerException if a number is out of range
   */
  public LossScale {
    OptimizerException.check("loss scale", "scale", scale, SMALLEST, LARGEST);
    OptimizerException.check("loss scale", "growth", growth, 1, LARGEST);
    OptimizerException.check("loss scale", "shrink", shrink, SMALLEST, 1);
    OptimizerException.check("loss scale", "interval", (double) interval, 1, 0x1p53);
    OptimizerException.check("loss scale", "goodSteps", (double) goodSteps, 0, 0x1p53);
  }

  /**
   * A scale that never changes.
   *
   * @param scale the factor
   * @return it
   */
  public static LossScale fixed(double scale) {
    return new LossScale(scale, 1, 1, 1, 0);
  }

  /**
   * A scale that begins at 2¹⁶, doubles after 2,000 good steps and is halved by one that is
   * skipped.
   *
   * @return it
   */
  public static LossScale dynamic() {
    return dynamic(0x1p16, 2000);
  }

  /**
   * A scale that doubles after some good steps and is halved by one that is skipped.
   *
   * @param scale the first one
   * @param interval how many good steps in a row
   * @return it
   */
  public static LossScale dynamic(double scale, long interval) {
    return new LossScale(scale, 2, 0.5, interval, 0);
  }

  /**
   * The scale after a step.
   *
   * @param applied whether the step was carried out
   * @return the scale of the next one
   */
  public LossScale next(boolean applied) {
    if (!applied) {
      return with(Math.max(scale * shrink, SMALLEST), 0);
    }
    return goodSteps + 1 < interval
        ? with(scale, goodSteps + 1)
        : with(Math.min(scale * growth, LARGEST), 0);
  }

  private LossScale with(double newScale, long good) {
    return new LossScale(newScale, growth, shrink, interval, good);
  }
}

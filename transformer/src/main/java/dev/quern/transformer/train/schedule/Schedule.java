package dev.quern.transformer.train.schedule;

/**
 * The learning rate as a function of the step. Implementations have no state and give the same
 * number on every machine (cosines and powers by {@link StrictMath}). A lambda will do for a
 * schedule of one's own.
 *
 * {@snippet :
 * Schedule halved = step -> 1e-3 * StrictMath.pow(0.5, step / 1000);
 * }
 */
@FunctionalInterface
public interface Schedule {
  /**
   * The rate of a step.
   *
   * @param step 0 for the first one; beyond a schedule's end the last rate stays
   * @return the rate that the step's update uses
   */
  double rate(long step);

  /**
   * The momentum, or Adam's β₁, of a step, for schedules that move it.
   *
   * @param step 0 for the first one
   * @return NaN where the optimiser's own stays
   */
  default double momentum(long step) {
    return Double.NaN;
  }
}

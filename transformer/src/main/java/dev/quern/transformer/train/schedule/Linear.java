package dev.quern.transformer.train.schedule;

/**
 * From the peak to the floor in a straight line: rate(s) = peak + (floor − peak) · min(s, steps) /
 * steps.
 *
 * @param peak the rate of step 0
 * @param floor the rate of step {@code steps} and all after it
 * @param steps at least 1
 */
public record Linear(double peak, double floor, long steps) implements Schedule {
  /**
   * A schedule.
   *
   * @throws ScheduleException if a rate is negative or not a number, or there are no steps
   */
  public Linear {
    ScheduleException.checkRate("linear", "peak", peak);
    ScheduleException.checkRate("linear", "floor", floor);
    ScheduleException.checkSteps("linear", "steps", steps, 1);
  }

  @Override
  public double rate(long step) {
    return step >= steps ? floor : peak + (floor - peak) * ((double) step / steps);
  }
}

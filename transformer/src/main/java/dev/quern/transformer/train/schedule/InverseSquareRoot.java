package dev.quern.transformer.train.schedule;

/**
 * Falls with the square root of the step, without an end: rate(s) = peak · √(timescale / (timescale
 * + s)).
 *
 * <p>After a {@link Warmup} of {@code timescale} steps it is the schedule of Vaswani et al.,
 * "Attention is all you need" (2017), section 5.3: peak · √(warmup / s), counted from the run's
 * first step.
 *
 * @param peak the rate of step 0
 * @param timescale steps until it has fallen to 1/√2, at least 1
 */
public record InverseSquareRoot(double peak, long timescale) implements Schedule {
  /**
   * A schedule.
   *
   * @throws ScheduleException if the rate is negative or not a number, or the time scale below 1
   */
  public InverseSquareRoot {
    ScheduleException.checkRate("inverse_sqrt", "peak", peak);
    ScheduleException.checkSteps("inverse_sqrt", "timescale", timescale, 1);
  }

  @Override
  public double rate(long step) {
    return peak * Math.sqrt(timescale / ((double) timescale + step));
  }
}

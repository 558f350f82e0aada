package dev.quern.transformer.train.schedule;

/**
 * Multiplied by a factor again and again: rate(s) = peak · factor^⌊s/every⌋. With {@code every} 1
 * it falls at each step, else in stairs.
 *
 * @param peak the rate of step 0
 * @param factor what each stair is multiplied by
 * @param every steps on one stair, at least 1
 */
public record Exponential(double peak, double factor, long every) implements Schedule {
  /**
   * A schedule.
   *
   * @throws ScheduleException if the rate or the factor is negative or not a number, or {@code
   *     every} below 1
   */
  public Exponential {
    ScheduleException.checkRate("exponential", "peak", peak);
    ScheduleException.checkRate("exponential", "factor", factor);
    ScheduleException.checkSteps("exponential", "every", every, 1);
  }

  @Override
  public double rate(long step) {
    long stairs = step / every;
    return peak * StrictMath.pow(factor, (double) stairs);
  }
}

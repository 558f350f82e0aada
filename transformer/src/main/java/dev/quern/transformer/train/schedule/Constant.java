package dev.quern.transformer.train.schedule;

/**
 * rate(s) = peak.
 *
 * @param peak the rate
 */
public record Constant(double peak) implements Schedule {
  /**
   * A schedule.
   *
   * @throws ScheduleException if the rate is negative or not a number
   */
  public Constant {
    ScheduleException.checkRate("constant", "peak", peak);
  }

  @Override
  public double rate(long step) {
    return peak;
  }
}

package dev.quern.transformer.train.schedule;

/**
 * Rises in a straight line to where another schedule begins, then follows it. With p = (s + {@code
 * ahead}) / steps: rate(s) = from + (after(0) − from) · p for s &lt; steps, else after(s − steps).
 *
 * @param steps at least 0
 * @param from the rate at p = 0
 * @param ahead 0: step 0 has the rate {@code from}, and wastes its batch if that is 0; 1: step
 *     {@code steps − 1} has the full rate already
 * @param after what follows
 */
public record Warmup(long steps, double from, int ahead, Schedule after) implements Schedule {
  /**
   * A schedule.
   *
   * @throws ScheduleException if there are fewer than 0 steps, the rate is negative or not a
   *     number, or {@code ahead} is neither 0 nor 1
   */
  public Warmup {
    ScheduleException.checkSteps("warmup", "steps", steps, 0);
    ScheduleException.checkRate("warmup", "from", from);
    if (ahead != 0 && ahead != 1) {
      throw new ScheduleException("[warmup] ahead is " + ahead + "; it takes 0 or 1");
    }
  }

  /**
   * A warm-up whose step 0 has the rate {@code from}.
   *
   * @param steps at least 0
   * @param from the rate of step 0
   * @param after what follows
   * @throws ScheduleException if there are fewer than 0 steps, or the rate is negative or not a
   *     number
   */
  public Warmup(long steps, double from, Schedule after) {
    this(steps, from, 0, after);
  }

  @Override
  public double rate(long step) {
    if (step >= steps) {
      return after.rate(step - steps);
    }
    return from + (after.rate(0) - from) * ((double) (step + ahead) / steps);
  }

  @Override
  public double momentum(long step) {
    return after.momentum(Math.max(0, step - steps));
  }
}

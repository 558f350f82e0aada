package dev.quern.transformer.train.schedule;

/**
 * From the peak to the floor along a cosine (Loshchilov and Hutter, "SGDR: Stochastic gradient
 * descent with warm restarts", 2017, equation 5): rate(s) = floor + (peak − floor) · max(0, (1 +
 * cos(2π · cycles · min(1, s/steps))) / 2).
 *
 * @param peak the rate of step 0
 * @param floor the rate of step {@code steps} and all after it, if cycles is one half
 * @param steps at least 1
 * @param cycles how many waves; one half goes down once
 */
public record Cosine(double peak, double floor, long steps, double cycles) implements Schedule {
  /**
   * A schedule.
   *
   * @throws ScheduleException if a rate or the cycles are negative or not a number, or there are no
   *     steps
   */
  public Cosine {
    ScheduleException.checkRate("cosine", "peak", peak);
    ScheduleException.checkRate("cosine", "floor", floor);
    ScheduleException.checkRate("cosine", "cycles", cycles);
    ScheduleException.checkSteps("cosine", "steps", steps, 1);
  }

  /**
   * A schedule that goes down once.
   *
   * @param peak the rate of step 0
   * @param floor the rate of step {@code steps} and all after it
   * @param steps at least 1
   * @throws ScheduleException if a rate is negative or not a number, or there are no steps
   */
  public Cosine(double peak, double floor, long steps) {
    this(peak, floor, steps, 0.5);
  }

  @Override
  public double rate(long step) {
    double done = Math.min(1, (double) step / steps);
    double height = 0.5 * (1 + StrictMath.cos(2 * Math.PI * cycles * done));
    return floor + (peak - floor) * Math.max(0, height);
  }
}

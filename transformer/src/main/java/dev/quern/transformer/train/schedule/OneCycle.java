package dev.quern.transformer.train.schedule;

/**
 * Up to the peak and down to almost nothing in one run, while the momentum moves the other way
 * (Smith and Topin, "Super-convergence: very fast training of neural networks using large learning
 * rates", 2018). Its warm-up is the rising part.
 *
 * <p>initial = peak / {@code initialDivisor}, last = initial / {@code finalDivisor}. It rises until
 * step {@code rising · steps − 1}, which need not be a whole number, and falls until step {@code
 * steps − 1}. With p the share of the part that is done, a part from a to b is a + (b − a)·p, or
 * along a cosine b + (a − b)·(1 + cos(π·p))/2.
 *
 * @param peak the highest rate
 * @param steps of the whole run, at least 2
 * @param rising the share of the run in which the rate rises, 0 to 1
 * @param cosine along a cosine, or in straight lines
 * @param initialDivisor peak over the first rate
 * @param finalDivisor first rate over the last one
 * @param baseMomentum at the peak
 * @param maxMomentum at both ends
 */
public record OneCycle(
    double peak,
    long steps,
    double rising,
    boolean cosine,
    double initialDivisor,
    double finalDivisor,
    double baseMomentum,
    double maxMomentum)
    implements Schedule {
  /**
   * A schedule.
   *
   * @throws ScheduleException if the peak is negative, there are fewer than 2 steps, {@code rising}
   *     is not in [0, 1], or a divisor is not positive
   */
  public OneCycle {
    ScheduleException.checkRate("one_cycle", "peak", peak);
    ScheduleException.checkSteps("one_cycle", "steps", steps, 2);
    ScheduleException.checkRate("one_cycle", "baseMomentum", baseMomentum);
    ScheduleException.checkRate("one_cycle", "maxMomentum", maxMomentum);
    if (!(rising >= 0 && rising <= 1)) {
      throw new ScheduleException("[one_cycle] rising is " + rising + "; it is a share, 0 to 1");
    }
    if (!(initialDivisor > 0 && finalDivisor > 0)) {
      throw new ScheduleException(
          "[one_cycle] the divisors are %s and %s; they are positive"
              .formatted(initialDivisor, finalDivisor));
    }
  }

  /**
   * The usual cycle: 30 % rising, along cosines, divisors 25 and 10,000, momentum 0.85 to 0.95.
   *
   * @param peak the highest rate
   * @param steps of the whole run, at least 2
   * @throws ScheduleException if the peak is negative or there are fewer than 2 steps
   */
  public OneCycle(double peak, long steps) {
    this(peak, steps, 0.3, true, 25, 1e4, 0.85, 0.95);
  }

  @Override
  public double rate(long step) {
    double initial = peak / initialDivisor;
    return at(step, initial, peak, initial / finalDivisor);
  }

  @Override
  public double momentum(long step) {
    return at(step, maxMomentum, baseMomentum, maxMomentum);
  }

  private double at(long step, double first, double middle, double last) {
    double turn = rising * steps - 1;
    double end = steps - 1.0;
    if (step >= end) {
      return turn >= end ? middle : last;
    }
    if (step <= turn) {
      return turn == 0 ? middle : between(first, middle, step / turn);
    }
    return between(middle, last, (step - turn) / (end - turn));
  }

  private double between(double a, double b, double done) {
    return cosine ? b + (a - b) / 2 * (1 + StrictMath.cos(Math.PI * done)) : a + (b - a) * done;
  }
}

package dev.quern.transformer.train.schedule;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** A schedule whose name or settings are wrong. */
public final class ScheduleException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param message the schedule, the setting, and what it takes
   */
  public ScheduleException(String message) {
    super(message);
  }

  /** Refuses a rate that is negative or not a number. */
  static void checkRate(String schedule, String name, double rate) {
    if (!(rate >= 0) || Double.isInfinite(rate)) {
      throw new ScheduleException(
          "[%s] %s is %s; rates are numbers of at least 0".formatted(schedule, name, rate));
    }
  }

  /** Refuses too few steps. */
  static void checkSteps(String schedule, String name, long steps, long least) {
    if (steps < least) {
      throw new ScheduleException(
          "[%s] %s is %d; it is at least %d".formatted(schedule, name, steps, least));
    }
  }
}

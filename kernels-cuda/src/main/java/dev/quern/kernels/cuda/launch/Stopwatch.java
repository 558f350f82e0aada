package dev.quern.kernels.cuda.launch;

import dev.quern.kernels.cuda.driver.CudaDriver;
import java.util.ArrayList;
import java.util.List;

/** How long work takes on a device, by events in its stream. */
public final class Stopwatch {
  /** Runs that are timed. */
  public static final int RUNS = 5;

  private final CudaDevice device;

  /**
   * A stopwatch.
   *
   * @param device whose stream work goes to
   */
  public Stopwatch(CudaDevice device) {
    this.device = device;
  }

  /**
   * Runs work once, then several times more, each of which is timed, and waits for it. What
   * disturbs a run, other work or a clock that still rises, only makes it longer, so the shortest
   * says the most of the work itself. A run finds in the second-level cache what the one before
   * left there: that favours all candidates for the same work alike, as far as they read the same.
   *
   * @param work launches on the device
   * @return milliseconds of the shortest run
   */
  public double millis(Runnable work) {
    device.makeCurrent();
    CudaDriver driver = device.driver();
    List<Long> events = new ArrayList<>();
    try {
      for (int i = 0; i <= RUNS; i++) {
        events.add(driver.eventCreate(true));
      }
      work.run();
      driver.eventRecord(events.getFirst(), device.stream());
      for (int i = 1; i <= RUNS; i++) {
        work.run();
        driver.eventRecord(events.get(i), device.stream());
      }
      driver.eventSynchronize(events.getLast());
      double least = Double.POSITIVE_INFINITY;
      for (int i = 1; i <= RUNS; i++) {
        least = Math.min(least, driver.eventElapsedMillis(events.get(i - 1), events.get(i)));
      }
      return least;
    } finally {
      events.forEach(driver::eventDestroy);
    }
  }
}

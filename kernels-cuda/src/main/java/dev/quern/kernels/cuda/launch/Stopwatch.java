package dev.quern.kernels.cuda.launch;

import dev.quern.kernels.cuda.driver.CudaDriver;
import java.util.Arrays;

/** How long work takes on a device, by events in its stream. */
public final class Stopwatch {
  /** Runs that are timed. */
  public static final int RUNS = 5;

  private static final double NANOS = 1e6; // of a millisecond

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
   * Runs work some times over, each by itself, and waits for it. Nothing waits in between: while
   * the device does what comes before, the host has told it of the work.
   *
   * @param times how often
   * @param before launches what comes before each run and is not counted
   * @param work launches on the device
   * @return nanoseconds of each run, to half a microsecond
   */
  public double[] nanos(int times, Runnable before, Runnable work) {
    device.makeCurrent();
    CudaDriver driver = device.driver();
    long[] events = new long[2 * times];
    int made = 0;
    try {
      for (; made < events.length; made++) {
        events[made] = driver.eventCreate(true);
      }
      for (int i = 0; i < events.length; i += 2) {
        before.run();
        driver.eventRecord(events[i], device.stream());
        work.run();
        driver.eventRecord(events[i + 1], device.stream());
      }
      double[] nanos = new double[times];
      for (int i = 0; i < times; i++) {
        driver.eventSynchronize(events[2 * i + 1]);
        nanos[i] = NANOS * driver.eventElapsedMillis(events[2 * i], events[2 * i + 1]);
      }
      return nanos;
    } finally {
      for (int i = 0; i < made; i++) {
        driver.eventDestroy(events[i]);
      }
    }
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
    work.run();
    return Arrays.stream(nanos(RUNS, () -> {}, work)).min().orElseThrow() / NANOS;
  }
}

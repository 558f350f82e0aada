package dev.quern.kernels.cuda.launch;

import dev.quern.kernels.cuda.driver.CudaDriver;

/** How long work takes on a device, by events in its stream. */
public final class Stopwatch {
  private static final int RUNS = 5;

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
   * Runs work once, then several times more, which are timed, and waits for it.
   *
   * @param work launches on the device
   * @return milliseconds of a run
   */
  public double millis(Runnable work) {
    device.makeCurrent();
    CudaDriver driver = device.driver();
    long from = driver.eventCreate(true);
    try {
      long to = driver.eventCreate(true);
      try {
        work.run();
        driver.eventRecord(from, device.stream());
        for (int i = 0; i < RUNS; i++) {
          work.run();
        }
        driver.eventRecord(to, device.stream());
        driver.eventSynchronize(to);
        return driver.eventElapsedMillis(from, to) / (double) RUNS;
      } finally {
        driver.eventDestroy(to);
      }
    } finally {
      driver.eventDestroy(from);
    }
  }
}

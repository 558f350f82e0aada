package dev.quern.kernels.cuda.driver;

/**
 * A device that is in use: its primary context and the one stream that all work goes to, so that
 * everything is done in the order in which it was asked for.
 */
public final class DeviceContext {
  private final CudaDriver driver;
  private final int index;
  private final long context;
  private final long stream;

  /**
   * Begins a use of a device.
   *
   * @param driver the driver
   * @param index the device, from 0
   */
  public DeviceContext(CudaDriver driver, int index) {
    this.driver = driver;
    this.index = index;
    this.context = driver.retainPrimaryContext(index);
    enter();
    this.stream = driver.streamCreate();
  }

  /**
   * The driver.
   *
   * @return as it was given
   */
  public CudaDriver driver() {
    return driver;
  }

  /**
   * Which device.
   *
   * @return from 0
   */
  public int index() {
    return index;
  }

  /**
   * Where work goes.
   *
   * @return the stream
   */
  public long stream() {
    return stream;
  }

  /** Makes the context the calling thread's. */
  public void enter() {
    driver.makeCurrent(context);
  }

  /** Waits until all that was put into the stream is done. */
  public void synchronize() {
    enter();
    driver.streamSynchronize(stream);
  }
}

package dev.quern.kernels.cuda.driver;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.LongSupplier;
import java.util.function.LongUnaryOperator;
import java.util.function.Supplier;

/**
 * A device that is in use: its primary context and the one stream that all work goes to, so that
 * everything is done in the order in which it was asked for.
 */
public final class DeviceContext implements AutoCloseable {
  private final CudaDriver driver;
  private final int index;
  private final long context;
  private final long stream;
  private final Deque<Runnable> ends = new ArrayDeque<>();
  private volatile LongSupplier reclaim = () -> 0;
  private volatile LongUnaryOperator lend;

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
    long created = 0;
    try {
      enter();
      created = driver.streamCreate();
    } finally {
      if (created == 0) {
        driver.releasePrimaryContext(index);
      }
    }
    this.stream = created;
    this.lend = this::allocate;
  }

  private long allocate(long bytes) {
    long address = driver.memAlloc(bytes);
    endsWith(() -> driver.memFree(address));
    return address;
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

  /**
   * Says who gives memory back to the driver when it has none left.
   *
   * @param trim gives back what nobody holds, and says how many bytes that was
   */
  public void reclaimBy(LongSupplier trim) {
    reclaim = trim;
  }

  /**
   * Says who gives memory that a library works in: the pool, so that it is counted with all else.
   *
   * @param take takes bytes for as long as the device is used, and says their address
   */
  public void lendBy(LongUnaryOperator take) {
    lend = take;
  }

  /**
   * Memory for as long as the device is used.
   *
   * @param bytes how many
   * @return its address
   */
  public long lend(long bytes) {
    enter();
    return lend.applyAsLong(bytes);
  }

  /**
   * Makes room for a call that failed for lack of memory: the driver needs some for modules, graphs
   * and launches, and a pool may keep what it wants.
   *
   * @param refusal what the driver said
   * @return whether the call may be tried once more, on this thread; false for other refusals, and
   *     if there was nothing to give back
   */
  public boolean makesRoom(CudaDriverException refusal) {
    if (!refusal.isOutOfMemory() || reclaim.getAsLong() == 0) {
      return false;
    }
    enter(); // waiting may have brought a virtual thread to another carrier
    return true;
  }

  /**
   * Does something that needs memory of the driver's own, a second time if there was none and room
   * could be made.
   *
   * @param call what to do, on this thread
   * @param <T> what comes out
   * @return its result
   */
  public <T> T withRoom(Supplier<T> call) {
    try {
      return call.get();
    } catch (CudaDriverException e) {
      if (makesRoom(e)) {
        return call.get();
      }
      throw e;
    }
  }

  /**
   * Says what else ends when the use of the device does.
   *
   * @param end is run with the context current, before what was said earlier
   */
  public void endsWith(Runnable end) {
    synchronized (ends) {
      ends.push(end);
    }
  }

  /** Ends the use of the device, and what {@link #endsWith} says. */
  @Override
  public void close() {
    enter();
    try {
      synchronized (ends) {
        while (!ends.isEmpty()) {
          ends.pop().run();
        }
      }
      driver.streamDestroy(stream);
    } finally {
      driver.releasePrimaryContext(index);
    }
  }
}

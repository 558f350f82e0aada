package dev.quern.kernels.cuda.launch;

import dev.quern.core.memory.Cleanup;
import dev.quern.core.spi.Replay;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.memory.PinnedRing;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A plan's launches as a captured graph, replayed by one call of the driver.
 *
 * <p>Slots are copied into one of a few pinned buffers, and from there to the device, in the
 * stream: the host may set them again at once, and be some replays ahead of the device.
 */
final class GraphReplay implements Replay {
  private static final int AHEAD = 8;

  private final CudaDevice device;
  private final long executable;
  private final MemorySegment slots;
  private final long parameters;
  private final PinnedRing staged;

  /**
   * Captures calls.
   *
   * @param device where they run
   * @param calls launches of the device
   * @param slots host memory that is read at each run
   * @param parameters device address that the slots are copied to
   */
  GraphReplay(CudaDevice device, List<Runnable> calls, MemorySegment slots, long parameters) {
    this.device = device;
    this.slots = slots;
    this.parameters = parameters;
    this.staged = new PinnedRing(device.context(), AHEAD, Math.max(1, slots.byteSize()));
    device.makeCurrent();
    this.executable = device.context().withRoom(() -> capture(device, calls));
  }

  /** A stream of its own: what other threads do meanwhile must not become part of the graph. */
  private static long capture(CudaDevice device, List<Runnable> calls) {
    CudaDriver driver = device.driver();
    long stream = driver.streamCreate();
    try {
      driver.captureBegin(stream);
      long graph = record(device, stream, calls);
      try {
        return driver.graphInstantiate(graph);
      } finally {
        driver.graphDestroy(graph);
      }
    } finally {
      driver.streamDestroy(stream);
    }
  }

  private static long record(CudaDevice device, long stream, List<Runnable> calls) {
    CudaDriver driver = device.driver();
    boolean done = false;
    try {
      device.launchInto(stream, () -> calls.forEach(Runnable::run));
      done = true;
    } finally {
      if (!done) {
        discard(driver, stream);
      }
    }
    return driver.captureEnd(stream);
  }

  /** What was captured before an error; the error itself is what the caller hears of. */
  private static void discard(CudaDriver driver, long stream) {
    try {
      driver.graphDestroy(driver.captureEnd(stream));
    } catch (CudaDriverException e) {
      System.getLogger("dev.quern.cuda")
          .log(System.Logger.Level.DEBUG, "a capture that failed was discarded", e);
    }
  }

  @Override
  public void run(int times) {
    device.makeCurrent();
    CudaDriver driver = device.driver();
    long stream = device.stream();
    if (slots.byteSize() > 0) {
      PinnedRing.Buffer b = staged.next();
      MemorySegment.copy(slots, 0, b.pinned(), 0, slots.byteSize());
      driver.copyToDevice(parameters, b.pinned(), slots.byteSize(), stream);
      staged.mark(b);
    }
    for (int i = 0; i < times; i++) {
      launch(driver, stream);
    }
  }

  private void launch(CudaDriver driver, long stream) {
    try {
      driver.graphLaunch(executable, stream);
    } catch (CudaDriverException e) {
      if (!device.context().makesRoom(e)) { // it may be brought to the device only now
        throw e;
      }
      driver.graphLaunch(executable, stream);
    }
  }

  @Override
  public void close() {
    device.makeCurrent();
    Cleanup cleanup = new Cleanup();
    cleanup.run(staged::close);
    cleanup.run(() -> device.driver().graphExecutableDestroy(executable));
    cleanup.done();
  }
}

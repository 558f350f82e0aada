package dev.quern.kernels.cuda.memory;

import dev.quern.core.memory.Cleanup;
import dev.quern.core.type.DeviceException;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.DeviceContext;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Pinned buffers in turn, each taken again when the device has done what it was last used for. They
 * come into being one by one, as they are wanted. For one thread at a time.
 */
public final class PinnedRing implements AutoCloseable {
  /** A buffer. */
  public static final class Buffer {
    private final MemorySegment pinned;
    private final long event;
    private boolean inUse;

    private Buffer(MemorySegment pinned, long event) {
      this.pinned = pinned;
      this.event = event;
    }

    /**
     * Its memory, which the device can read and write too.
     *
     * @return pinned
     */
    public MemorySegment pinned() {
      return pinned;
    }
  }

  private final DeviceContext context;
  private final long bufferBytes;
  private final @Nullable Buffer[] buffers;
  private int turn;

  /**
   * A ring.
   *
   * @param context the device
   * @param count of buffers: how many uses may wait for the device
   * @param bufferBytes of each
   */
  public PinnedRing(DeviceContext context, int count, long bufferBytes) {
    this.context = context;
    this.bufferBytes = bufferBytes;
    this.buffers = new @Nullable Buffer[count];
  }

  /**
   * The next buffer, when the device is done with it.
   *
   * @return free for use by the host
   * @throws DeviceException if there is no pinned memory
   */
  public Buffer next() {
    Buffer b = buffers[turn];
    if (b == null) {
      b = allocate();
      buffers[turn] = b;
    }
    turn = (turn + 1) % buffers.length;
    await(b);
    return b;
  }

  private Buffer allocate() {
    CudaDriver driver = context.driver();
    try {
      MemorySegment pinned = context.withRoom(() -> driver.hostAlloc(bufferBytes));
      boolean done = false;
      try {
        Buffer made = new Buffer(pinned, driver.eventCreate(false));
        done = true;
        return made;
      } finally {
        if (!done) {
          driver.hostFree(pinned);
        }
      }
    } catch (CudaDriverException e) {
      if (e.isOutOfMemory()) {
        throw new DeviceException(
            "cuda:%d: no pinned host memory for %d bytes; free memory of the host, or raise `ulimit -l`"
                .formatted(context.index(), bufferBytes),
            e);
      }
      throw e;
    }
  }

  /**
   * The device uses a buffer: in what was put into its stream so far.
   *
   * @param buffer from {@link #next}
   */
  public void mark(Buffer buffer) {
    context.driver().eventRecord(buffer.event, context.stream());
    buffer.inUse = true;
  }

  /**
   * Waits until the device is done with a buffer.
   *
   * @param buffer from {@link #next}
   */
  public void await(Buffer buffer) {
    if (buffer.inUse) {
      context.driver().eventSynchronize(buffer.event);
      buffer.inUse = false;
    }
  }

  /** Gives the buffers back, when the device is done with them. */
  @Override
  public void close() {
    context.enter();
    Cleanup cleanup = new Cleanup();
    for (int i = 0; i < buffers.length; i++) {
      Buffer b = buffers[i];
      buffers[i] = null;
      if (b != null) {
        cleanup.run(() -> await(b));
        cleanup.run(() -> context.driver().eventDestroy(b.event));
        cleanup.run(() -> context.driver().hostFree(b.pinned));
      }
    }
    cleanup.done();
  }
}

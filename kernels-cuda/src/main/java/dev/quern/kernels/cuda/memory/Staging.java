package dev.quern.kernels.cuda.memory;

import dev.quern.kernels.cuda.driver.DeviceContext;
import dev.quern.kernels.cuda.memory.PinnedRing.Buffer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Copies between host and device by way of pinned buffers: while the device copies one, the host
 * fills or empties the next. So the device never reads memory that somebody may unmap or close, and
 * pages of a mapped file are read once, in order.
 *
 * <p>Small copies have a ring of many small buffers, so that a scalar that is uploaded need not
 * wait for the kernels before it. One copy at a time: the bus is one.
 */
public final class Staging {
  private static final int SMALL_BUFFERS = 64;
  private static final long SMALL_BYTES = 16L << 10;
  private static final int LARGE_BUFFERS = 3;
  private static final long LARGE_BYTES = 8L << 20;

  private record Part(Buffer buffer, long offset, long bytes) {}

  private final DeviceContext context;
  private final long smallBytes;
  private final long largeBytes;
  private final PinnedRing small;
  private final PinnedRing large;

  /**
   * Without buffers yet: they come with the first copies.
   *
   * @param context the device
   */
  public Staging(DeviceContext context) {
    this(context, SMALL_BYTES, LARGE_BYTES);
  }

  Staging(DeviceContext context, long smallBytes, long largeBytes) {
    this.context = context;
    this.smallBytes = smallBytes;
    this.largeBytes = largeBytes;
    this.small = new PinnedRing(context, SMALL_BUFFERS, smallBytes);
    this.large = new PinnedRing(context, LARGE_BUFFERS, largeBytes);
  }

  /**
   * Copies to the device. The source has been read when this returns.
   *
   * @param host on the heap or off it
   * @param target device address
   */
  public synchronized void upload(MemorySegment host, long target) {
    context.enter();
    long bytes = host.byteSize();
    PinnedRing ring = bytes <= smallBytes ? small : large;
    for (long done = 0; done < bytes; ) {
      long size = Math.min(largeBytes, bytes - done);
      Buffer b = ring.next();
      MemorySegment.copy(host, done, b.pinned(), 0, size);
      context.driver().copyToDevice(target + done, b.pinned(), size, context.stream());
      ring.mark(b);
      done += size;
    }
  }

  /**
   * Copies to the host; returns when the bytes are there.
   *
   * @param source device address
   * @param host on the heap or off it, exactly what is to be copied
   */
  public synchronized void download(long source, MemorySegment host) {
    context.enter();
    long bytes = host.byteSize();
    PinnedRing ring = bytes <= smallBytes ? small : large;
    Deque<Part> under = new ArrayDeque<>();
    for (long asked = 0; asked < bytes; ) {
      long size = Math.min(largeBytes, bytes - asked);
      if (under.size() == LARGE_BUFFERS) {
        empty(ring, under.remove(), host);
      }
      Buffer b = ring.next();
      context.driver().copyToHost(b.pinned(), source + asked, size, context.stream());
      ring.mark(b);
      under.add(new Part(b, asked, size));
      asked += size;
    }
    while (!under.isEmpty()) {
      empty(ring, under.remove(), host);
    }
  }

  private static void empty(PinnedRing ring, Part part, MemorySegment host) {
    ring.await(part.buffer());
    MemorySegment.copy(part.buffer().pinned(), 0, host, part.offset(), part.bytes());
  }
}

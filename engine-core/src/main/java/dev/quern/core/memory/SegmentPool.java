package dev.quern.core.memory;

import dev.quern.core.type.DeviceException;
import dev.quern.core.type.Setting;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Recycled segments by size class, so that results neither pay for zero-filling nor for page faults
 * again.
 *
 * <p>Classes are quarter steps between powers of two (at most 25% waste), from {@value
 * #FINE_CLASS_MIN_BYTES} bytes on steps of a thirty-second (at most 3%): there are few of that
 * size, and what a plan says that it takes should be what it takes. Segments come from automatic
 * arenas: whatever is not given back is freed by the garbage collector, so a lost segment costs
 * memory for a while and nothing worse.
 *
 * <p>What was not reused for a minute or two is let go: once a minute, as segments come back, each
 * class drops as many as lay untouched since the last time. {@link #trim} drops all. What is
 * dropped goes back to the system when the garbage collector finds it.
 */
public final class SegmentPool {
  /** Alignment of every segment, in bytes: one cache line, one AVX-512 register. */
  public static final int ALIGNMENT_BYTES = 64;

  private static final long SLAB_BYTES = 1L << 20;
  private static final long SLAB_CLASS_MAX_BYTES = 1L << 16;
  private static final long FINE_CLASS_MIN_BYTES = 1L << 24;
  private static final int QUARTER = 2;
  private static final int THIRTY_SECOND = 5;
  private static final long PERIOD_NANOS = 60_000_000_000L;
  private static volatile @Nullable SegmentPool shared;

  /** Segments of one class, the latest last, and the fewest there were since the last sweep. */
  private static final class Shelf {
    final ArrayDeque<MemorySegment> segments = new ArrayDeque<>();
    int fewest;
  }

  private final long capacityBytes;
  private final LongSupplier clockNanos;
  private final Map<Long, Shelf> free = new HashMap<>();
  private long sweptNanos;
  private MemorySegment slab = MemorySegment.NULL;
  private long slabUsedBytes;
  private long cachedBytes;

  /**
   * A pool of its own.
   *
   * @param capacityBytes how much it may keep; what comes back beyond that is dropped
   */
  public SegmentPool(long capacityBytes) {
    this(capacityBytes, System::nanoTime);
  }

  SegmentPool(long capacityBytes, LongSupplier clockNanos) {
    this.capacityBytes = capacityBytes;
    this.clockNanos = clockNanos;
    this.sweptNanos = clockNanos.getAsLong();
  }

  /**
   * The pool that eager results come from.
   *
   * @return the process's pool; its capacity is {@code -Dquern.memory.cacheBytes} (1 GiB)
   * @throws dev.quern.core.type.SettingException if that is no number of bytes
   */
  public static SegmentPool shared() {
    SegmentPool pool = shared;
    return pool == null ? open() : pool;
  }

  private static synchronized SegmentPool open() {
    SegmentPool pool = shared;
    if (pool == null) {
      pool =
          new SegmentPool(Setting.number("quern.memory.cacheBytes", 1L << 30, 0, Long.MAX_VALUE));
      shared = pool;
    }
    return pool;
  }

  /**
   * The size class that holds a request.
   *
   * @param bytes a request, not negative
   * @return bytes ≤ result, a multiple of 64
   */
  static long sizeClass(long bytes) {
    if (bytes <= ALIGNMENT_BYTES) {
      return ALIGNMENT_BYTES;
    }
    long top = Long.highestOneBit(bytes - 1);
    long step =
        Math.max(ALIGNMENT_BYTES, top >> (top < FINE_CLASS_MIN_BYTES ? QUARTER : THIRTY_SECOND));
    return Math.ceilDiv(bytes, step) * step;
  }

  /**
   * A segment with arbitrary contents.
   *
   * @param bytes at least this size
   * @return an aligned segment whose size is a size class
   * @throws DeviceException if the process can't get that much memory
   */
  public synchronized MemorySegment take(long bytes) {
    long size = sizeClass(bytes);
    Shelf shelf = free.get(size);
    if (shelf != null) {
      MemorySegment s = shelf.segments.pollLast();
      if (s != null) {
        shelf.fewest = Math.min(shelf.fewest, shelf.segments.size());
        cachedBytes -= size;
        return s;
      }
    }
    try {
      return size <= SLAB_CLASS_MAX_BYTES
          ? carve(size)
          : Arena.ofAuto().allocate(size, ALIGNMENT_BYTES);
    } catch (OutOfMemoryError e) {
      throw new DeviceException(
          ("cpu: no memory for %d bytes (%d bytes are cached for reuse); close scopes earlier,"
                  + " lower the batch, or let the JVM use more memory outside its heap:"
                  + " -XX:MaxDirectMemorySize=N, which is the heap's limit unless given (%d bytes)")
              .formatted(size, cachedBytes, Runtime.getRuntime().maxMemory()),
          e);
    }
  }

  private MemorySegment carve(long size) {
    if (slab.byteSize() - slabUsedBytes < size) {
      slab = Arena.ofAuto().allocate(SLAB_BYTES, ALIGNMENT_BYTES);
      slabUsedBytes = 0;
    }
    MemorySegment s = slab.asSlice(slabUsedBytes, size);
    slabUsedBytes += size;
    return s;
  }

  /**
   * Gives a segment back. The caller promises that nobody uses it any more.
   *
   * @param segment one that {@link #take} returned
   */
  public synchronized void give(MemorySegment segment) {
    if (clockNanos.getAsLong() - sweptNanos >= PERIOD_NANOS) {
      sweep();
    }
    long size = segment.byteSize();
    if (cachedBytes + size <= capacityBytes) {
      cachedBytes += size;
      free.computeIfAbsent(size, _ -> new Shelf()).segments.addLast(segment);
    }
  }

  /** The first of each class lay untouched: segments are taken from the end. */
  private void sweep() {
    sweptNanos = clockNanos.getAsLong();
    free.forEach(
        (size, shelf) -> {
          for (; shelf.fewest > 0; shelf.fewest--) {
            shelf.segments.pollFirst();
            cachedBytes -= size;
          }
          shelf.fewest = shelf.segments.size();
        });
    free.values().removeIf(shelf -> shelf.segments.isEmpty());
  }

  /**
   * Drops all that is kept for reuse: for a process that has done its large work. The system gets
   * the memory back at the garbage collector's next full cycle; call {@link System#gc} to have it
   * at once.
   *
   * @return how many bytes were dropped
   */
  public synchronized long trim() {
    long dropped = cachedBytes;
    free.clear();
    cachedBytes = 0;
    slab = MemorySegment.NULL;
    slabUsedBytes = 0;
    return dropped;
  }

  /**
   * How much is kept for reuse.
   *
   * @return bytes
   */
  public synchronized long cachedBytes() {
    return cachedBytes;
  }
}

package dev.quern.core.memory;

import dev.quern.core.type.Device;
import java.lang.foreign.MemorySegment;

/**
 * The memory of one device, given out in pieces. Safe to share between threads.
 *
 * <p>Where the host can't reach a device's memory, its segments are addresses only: slices and
 * sizes work, and every access throws {@link IllegalStateException} instead of taking the process
 * down.
 */
public interface DeviceMemory {
  /**
   * Whose it is.
   *
   * @return the device
   */
  Device device();

  /**
   * Whether the host reads and writes it as its own.
   *
   * @return true for {@link HostMemory}
   */
  default boolean isHost() {
    return false;
  }

  /**
   * Memory with arbitrary contents. What the device was given to do before, it may still be doing
   * in that memory; what it is given to do from now on comes after it.
   *
   * @param bytes at least this size, not negative
   * @return a segment aligned to {@link SegmentPool#ALIGNMENT_BYTES} at least
   * @throws dev.quern.core.type.DeviceException if there is no more; says what was asked, held and
   *     free
   */
  MemorySegment take(long bytes);

  /**
   * Gives memory back. The caller promises that it gives the device nothing more to do there.
   *
   * @param segment one that {@link #take} returned
   */
  void give(MemorySegment segment);
}

package dev.quern.kernels.cuda.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Device addresses as segments that the host can slice and measure, and never touch: they are
 * slices of one segment over all addresses, whose arena is closed. Every access throws {@link
 * IllegalStateException}; it can't become a read of whatever the host has at that address.
 */
final class DeviceSegments {
  private static final MemorySegment ALL = closed();

  private DeviceSegments() {}

  @SuppressWarnings("restricted")
  private static MemorySegment closed() {
    try (Arena arena = Arena.ofConfined()) {
      return MemorySegment.NULL.reinterpret(Long.MAX_VALUE, arena, null);
    }
  }

  /** The segment of an address. */
  static MemorySegment at(long address, long bytes) {
    return ALL.asSlice(address, bytes);
  }
}

package dev.quern.core.memory;

import dev.quern.core.type.Device;
import java.lang.foreign.MemorySegment;

/** The host's memory: {@link SegmentPool#shared()}. */
public final class HostMemory implements DeviceMemory {
  private static final HostMemory SHARED = new HostMemory();

  private HostMemory() {}

  /**
   * The process's.
   *
   * @return always the same
   */
  public static HostMemory shared() {
    return SHARED;
  }

  @Override
  public Device device() {
    return Device.CPU;
  }

  @Override
  public boolean isHost() {
    return true;
  }

  @Override
  public MemorySegment take(long bytes) {
    return SegmentPool.shared().take(bytes);
  }

  @Override
  public void give(MemorySegment segment) {
    SegmentPool.shared().give(segment);
  }
}

package dev.quern.core.spi;

import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.Device;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** A kind of device and its memory, found by {@link java.util.ServiceLoader}. */
public interface DeviceProvider {
  /**
   * One device as it was found.
   *
   * @param device how users name it
   * @param description model, capability, cores
   * @param memoryBytes its memory
   */
  record Found(Device device, String description, long memoryBytes) {}

  /**
   * The kind of device.
   *
   * @return {@code cpu} or {@code cuda}
   */
  String kind();

  /**
   * Whether there is one here. Never throws.
   *
   * @return usable, or refused with reason and remedy
   */
  Probe probe();

  /**
   * The devices there are.
   *
   * @return empty if the probe refused
   */
  List<Found> devices();

  /**
   * Memory on a device.
   *
   * @param device one of {@link #devices()}
   * @param spec what it is for
   * @param owner until when
   * @return a storage
   * @throws NotSupportedException if the backend has no memory management yet
   */
  default Storage allocate(Device device, TensorSpec spec, Lifetime owner) {
    throw new NotSupportedException(
        "tensors can't live on " + device + " yet; keep " + spec + " on cpu");
  }

  /**
   * Copies host memory to a device.
   *
   * @param host the source
   * @param target same size
   * @throws NotSupportedException if the backend has no memory management yet
   */
  default void upload(MemorySegment host, Storage target) {
    throw new NotSupportedException("nothing can be copied to " + target.device() + " yet");
  }

  /**
   * Copies device memory to the host.
   *
   * @param source the source
   * @param host same size
   * @throws NotSupportedException if the backend has no memory management yet
   */
  default void download(Storage source, MemorySegment host) {
    throw new NotSupportedException("nothing can be copied from " + source.device() + " yet");
  }
}

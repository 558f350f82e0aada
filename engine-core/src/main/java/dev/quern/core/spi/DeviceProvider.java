package dev.quern.core.spi;

import dev.quern.core.type.Device;
import dev.quern.core.type.NotSupportedException;
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
   * Whether a device can be opened at this time, which may be refused although it is there: its
   * memory may be full, or another process may have it to itself. Opens it.
   *
   * @param device one of {@link #devices()}
   * @return usable, or refused with reason and remedy
   */
  default Probe probe(Device device) {
    return new Probe.Usable(device.toString());
  }

  /**
   * Opens a device. There is one backend for each device and process: opened again, it is the same.
   *
   * @param device one of {@link #devices()}
   * @return what runs there
   * @throws dev.quern.core.type.DeviceException if the device refuses
   * @throws NotSupportedException if it has no backend yet
   */
  default Backend open(Device device) {
    throw new NotSupportedException("tensors can't live on " + device + " yet; keep them on cpu");
  }
}

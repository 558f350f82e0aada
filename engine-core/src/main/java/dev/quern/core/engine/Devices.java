package dev.quern.core.engine;

import dev.quern.core.spi.Backend;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import java.util.ArrayList;
import java.util.List;

/**
 * Opens devices through whoever provides them.
 *
 * @param providers in any order
 */
record Devices(List<DeviceProvider> providers) {

  /**
   * Opens a device.
   *
   * @throws DeviceException if there is none of that name; says what there is, and why not
   */
  Backend open(Device device) {
    List<String> found = new ArrayList<>();
    List<String> refused = new ArrayList<>();
    for (DeviceProvider p : providers) {
      if (has(p, device, found)) {
        return p.open(device);
      }
      if (p.probe() instanceof Probe.Refused(String reason, String remedy)) {
        refused.add("; " + p.kind() + " is not usable: " + reason + "; " + remedy);
      }
    }
    throw new DeviceException(
        "there is no device "
            + device
            + "; there are: "
            + String.join(", ", found)
            + String.join("", refused));
  }

  private static boolean has(DeviceProvider p, Device wanted, List<String> found) {
    for (DeviceProvider.Found f : p.devices()) {
      if (f.device().equals(wanted)) {
        return true;
      }
      found.add(f.device() + " (" + f.description() + ")");
    }
    return false;
  }
}

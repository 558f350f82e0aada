package dev.quern.core.plan;

import dev.quern.core.spi.Backend;
import dev.quern.core.type.Device;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/** The devices of an engine: its own, and those that tensors were moved to. */
public final class Backends {
  private final Backend home;
  private final Function<Device, Backend> open;
  private final Map<Device, Backend> others = new ConcurrentHashMap<>();

  /**
   * An engine's devices.
   *
   * @param home where its tensors are made and its plans run
   * @param open opens another one, when it is first asked for
   */
  public Backends(Backend home, Function<Device, Backend> open) {
    this.home = home;
    this.open = open;
  }

  /**
   * The engine's own device.
   *
   * @return where tensors are made and plans run
   */
  public Backend home() {
    return home;
  }

  /**
   * A device, opened if need be.
   *
   * @param device which
   * @return its backend
   * @throws dev.quern.core.type.DeviceException if there is none
   */
  public Backend of(Device device) {
    return device.equals(home.device()) ? home : others.computeIfAbsent(device, open);
  }
}

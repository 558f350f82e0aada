package dev.quern.core.engine;

import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.Storage;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.memory.Uses;
import dev.quern.core.op.Tensor;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.Layout;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * Moves tensors between devices through whoever provides them.
 *
 * @param providers in any order
 */
record Devices(List<DeviceProvider> providers) {

  /** A copy on another device; between two that are not the host, by way of the host. */
  Tensor move(Tensor x, Device device) {
    DeviceProvider target = provider(x.spec(), device);
    if (!x.device().equals(Device.CPU)) {
      Tensor host = toHost(x);
      return device.equals(Device.CPU) ? host : move(host, device);
    }
    Tensor packed = x.contiguous();
    TensorSpec spec = packed.spec();
    Storage copy = target.allocate(device, spec, new Lifetime("tensor on " + device));
    Uses uses = new Uses(1);
    uses.acquire(packed.storage());
    try {
      long from = packed.view().offsetBytes();
      target.upload(packed.view().segment().asSlice(from, spec.byteSize()), copy);
    } finally {
      uses.release();
    }
    return new Tensor(x.executor(), x.dtype(), Layout.contiguous(x.shape()), copy);
  }

  private Tensor toHost(Tensor x) {
    Storage there = x.storage();
    Storage here = TensorScope.allocate(there.spec());
    provider(x.spec(), x.device())
        .download(there, here.segment().asSlice(0, there.spec().byteSize()));
    return new Tensor(x.executor(), x.dtype(), x.layout(), here);
  }

  private DeviceProvider provider(TensorSpec spec, Device device) {
    List<String> found = new ArrayList<>();
    List<String> refused = new ArrayList<>();
    for (DeviceProvider p : providers) {
      if (has(p, device, found)) {
        return p;
      }
      if (p.probe() instanceof Probe.Refused(String reason, String remedy)) {
        refused.add("; " + p.kind() + " is not usable: " + reason + "; " + remedy);
      }
    }
    throw new DeviceException(
        "[to] there is no device "
            + device
            + " for "
            + spec
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

package dev.quern.core.engine;

import dev.quern.core.memory.Storage;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.memory.Uses;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Backends;
import dev.quern.core.spi.Backend;
import dev.quern.core.type.Device;
import dev.quern.core.type.Layout;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * Moves tensors between devices.
 *
 * @param backends the devices
 */
record Mover(Backends backends) {

  /** A copy on another device, without gaps; between two that are not the host, by way of it. */
  Tensor move(Tensor x, Device device) {
    Backend to = backends.of(device);
    if (x.device().equals(Device.CPU)) {
      return copy(x.contiguous(), to, to::upload);
    }
    Tensor host = copy(x.contiguous(), backends.of(Device.CPU), backends.of(x.device())::download);
    return device.equals(Device.CPU) ? host : copy(host, to, to::upload);
  }

  private interface Copy {
    void run(MemorySegment from, MemorySegment to);
  }

  private static Tensor copy(Tensor x, Backend target, Copy bytes) {
    long size = x.spec().byteSize();
    Storage there = TensorScope.allocate(x.spec(), target.memory());
    Uses uses = new Uses(2);
    try {
      uses.acquire(x.storage());
      uses.acquire(there);
      bytes.run(x.view().segment().asSlice(x.view().offsetBytes(), size), there.segment());
    } finally {
      uses.release();
      Reference.reachabilityFence(x);
    }
    return new Tensor(x.executor(), x.dtype(), Layout.contiguous(x.shape()), there);
  }
}

package dev.quern.core.engine;

import dev.quern.core.memory.DeviceMemory;
import dev.quern.core.memory.HostMemory;
import dev.quern.core.spi.Backend;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.spi.Replay;
import dev.quern.core.type.Device;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The host: what it is given to do is done when the call returns. Plans don't come by here; they
 * run their calls themselves, over the slots as they are.
 *
 * @param kernels an engine's
 */
record CpuBackend(KernelRegistry kernels) implements Backend {
  @Override
  public Device device() {
    return Device.CPU;
  }

  @Override
  public DeviceMemory memory() {
    return HostMemory.shared();
  }

  @Override
  public void upload(MemorySegment host, MemorySegment target) {
    copy(host, target);
  }

  @Override
  public void download(MemorySegment source, MemorySegment host) {
    copy(source, host);
  }

  @Override
  public void copy(MemorySegment source, MemorySegment target) {
    MemorySegment.copy(source, 0, target, 0, source.byteSize());
  }

  @Override
  public void zero(MemorySegment target) {
    target.fill((byte) 0);
  }

  @Override
  public void synchronize() {}

  @Override
  public Replay compile(
      String plan, List<Runnable> calls, MemorySegment slots, MemorySegment parameters) {
    List<Runnable> all = List.copyOf(calls);
    return new Replay() {
      @Override
      public void run(int times) {
        copy(slots, parameters);
        for (int i = 0; i < times; i++) {
          all.forEach(Runnable::run);
        }
      }

      @Override
      public void close() {}
    };
  }
}

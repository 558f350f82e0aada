package dev.quern.kernels.cuda.memory;

import dev.quern.kernels.cuda.GpuDevice;
import dev.quern.kernels.cuda.OnGpu;

@OnGpu
class GpuMemoryTest extends MemoryOnDevice {
  GpuMemoryTest() {
    super(GpuDevice.open().context());
  }
}

package dev.quern.kernels.cuda;

import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.type.Device;
import dev.quern.kernels.cuda.kernel.EmulatedDevice;
import dev.quern.kernels.cuda.memory.CudaMemory;

/** On a device that is the processor, with little memory, because a test takes all of it. */
class EmulatedBackendTest extends BackendOnDevice {
  EmulatedBackendTest() {
    super(provider());
  }

  private static DeviceProvider provider() {
    DeviceProvider provider = new EmulatedDevice().provider();
    System.setProperty(CudaMemory.BUDGET, Long.toString(700 << 20));
    try {
      provider.open(Device.cuda(0));
    } finally {
      System.clearProperty(CudaMemory.BUDGET);
    }
    return provider;
  }
}

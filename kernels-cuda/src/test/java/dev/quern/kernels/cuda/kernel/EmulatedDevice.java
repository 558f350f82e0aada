package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.type.Device;
import dev.quern.kernels.cuda.TestProviders;

/** A CUDA device that is the processor: the backend, its pool, its graphs and all its kernels. */
public final class EmulatedDevice {
  private EmulatedDevice() {}

  /**
   * What opens {@code cuda:0}; the test is skipped where there is no C++ compiler.
   *
   * @return a device of its own
   */
  public static DeviceProvider provider() {
    return TestProviders.over(new EmulatedDriver(Emulation.library()), CudaKernels::new);
  }

  /**
   * An engine on a device of its own. What it computes on the host, the reference kernels compute.
   *
   * @param builder anything else about the engine
   * @return the engine
   */
  public static Engine engine(Engine.Builder builder) {
    return builder
        .kernels(new ReferenceProvider())
        .devices(provider())
        .device(Device.cuda(0))
        .build();
  }
}

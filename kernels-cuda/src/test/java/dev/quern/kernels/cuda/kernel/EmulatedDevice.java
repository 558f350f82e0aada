package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.type.Device;
import dev.quern.kernels.cuda.TestProviders;
import dev.quern.kernels.cuda.launch.CudaDevice;

/** A CUDA device that is the processor: the backend, its pool, its graphs and all its kernels. */
public final class EmulatedDevice {
  private final EmulatedDriver driver;

  /** A device of compute capability 8.0; the test is skipped where there is no C++ compiler. */
  public EmulatedDevice() {
    this(new EmulatedDriver(Emulation.library()));
  }

  /** A driver's first device. */
  EmulatedDevice(EmulatedDriver driver) {
    this.driver = driver;
  }

  /**
   * An engine on a device of its own.
   *
   * @param builder anything else about the engine
   * @return the engine
   */
  public static Engine engine(Engine.Builder builder) {
    return new EmulatedDevice().open(builder);
  }

  /**
   * An engine on this device. What it computes on the host, the reference kernels compute.
   *
   * @param builder anything else about the engine
   * @return the engine
   */
  public Engine open(Engine.Builder builder) {
    return builder
        .kernels(new ReferenceProvider())
        .devices(provider())
        .device(Device.cuda(0))
        .build();
  }

  /**
   * A provider of this device, for engines that share it.
   *
   * @return the provider
   */
  public DeviceProvider provider() {
    return TestProviders.over(driver, CudaKernels::new);
  }

  /** A device of its own, without engine and pool. */
  static CudaDevice bare() {
    return new CudaDevice(new EmulatedDriver(Emulation.library()), 0, _ -> new byte[0]);
  }

  /**
   * How often the host waited for the device.
   *
   * @return so far
   */
  public long waits() {
    return driver.waits();
  }

  /**
   * How many graphs were launched.
   *
   * @return so far
   */
  public long graphLaunches() {
    return driver.graphLaunches();
  }
}

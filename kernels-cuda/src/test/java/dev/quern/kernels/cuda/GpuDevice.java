package dev.quern.kernels.cuda;

import dev.quern.core.engine.Engine;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.type.Device;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.DriverLoader;
import dev.quern.kernels.cuda.kernel.CudaKernels;
import dev.quern.kernels.cuda.launch.CudaDevice;

/** The first CUDA device of this machine, as tests that are {@link OnGpu} use it. */
public final class GpuDevice {
  private GpuDevice() {}

  /**
   * An engine on the device. What it computes on the host, the reference kernels compute.
   *
   * @param builder anything else about the engine
   * @return the engine
   */
  public static Engine engine(Engine.Builder builder) {
    return builder
        .kernels(new ReferenceProvider())
        .devices(new CudaProvider())
        .device(Device.cuda(0))
        .build();
  }

  /** One more stream, pool and set of modules, in which nobody else's memory is counted. */
  private static final class Alone {
    static final CudaDriver DRIVER = DriverLoader.load();
    static final CudaProvider PROVIDER =
        new CudaProvider(() -> DRIVER, CudaDevices.shipped(DRIVER, 0), CudaKernels::new);
  }

  /** The device apart from what engines of {@link #engine} do with it. */
  static CudaProvider alone() {
    return Alone.PROVIDER;
  }

  /** How much of the device's memory nobody has, whatever the process. */
  static long freeBytes() {
    return Alone.DRIVER.memInfo().freeBytes();
  }

  /**
   * The device itself, without engine and pool.
   *
   * @return opened anew, with the kernels in the jar
   */
  @SuppressWarnings("exports") // seen by the tests of this module alone
  public static CudaDevice open() {
    CudaDriver driver = DriverLoader.load();
    return new CudaDevice(driver, 0, CudaDevices.shipped(driver, 0));
  }
}

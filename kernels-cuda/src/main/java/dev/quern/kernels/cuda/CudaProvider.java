package dev.quern.kernels.cuda;

import dev.quern.core.spi.Backend;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.Device;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.DriverLoader;
import dev.quern.kernels.cuda.kernel.CudaKernels;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.ModuleImages;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Finds CUDA devices and opens them, or says why there are none and what to do about it. All
 * providers that ServiceLoader makes share what is opened: a device has one stream and one pool in
 * a process, whatever engines use it.
 */
public final class CudaProvider implements DeviceProvider {
  private static final CudaDevices PROCESS =
      new CudaDevices(DriverLoader::load, CudaDevices::shipped, CudaKernels::new);

  private final CudaDevices devices;

  /** Creates it; nothing is loaded before the first {@link #probe}. */
  public CudaProvider() {
    this.devices = PROCESS;
  }

  /**
   * A provider over another driver, for tests.
   *
   * @param driver loads it
   * @param images where kernels come from
   * @param kernels makes a device's kernels
   */
  CudaProvider(
      Supplier<CudaDriver> driver,
      ModuleImages images,
      Function<CudaDevice, KernelProvider> kernels) {
    this.devices = new CudaDevices(driver, (_, _) -> images, kernels);
  }

  @Override
  public String kind() {
    return "cuda";
  }

  @Override
  public Probe probe() {
    return devices.probe();
  }

  @Override
  public List<Found> devices() {
    return devices.found();
  }

  @Override
  public Probe probe(Device device) {
    return devices.probe(device);
  }

  @Override
  public Backend open(Device device) {
    return devices.open(device);
  }
}

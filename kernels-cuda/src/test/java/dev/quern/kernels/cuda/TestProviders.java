package dev.quern.kernels.cuda;

import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.KernelProvider;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.util.function.Function;

/** Providers over drivers that are made up, for the tests of other packages. */
public final class TestProviders {
  private TestProviders() {}

  /** The backend over a driver that takes any image. */
  @SuppressWarnings("exports") // seen by the tests of this module alone
  public static DeviceProvider over(
      CudaDriver driver, Function<CudaDevice, KernelProvider> kernels) {
    return new CudaProvider(() -> driver, _ -> new byte[0], kernels);
  }
}

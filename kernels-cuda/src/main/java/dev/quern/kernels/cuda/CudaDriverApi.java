package dev.quern.kernels.cuda;

import dev.quern.core.spi.DeviceProvider.Found;
import java.util.List;

/**
 * The few driver calls that finding devices needs, so that tests can answer in a driver's place.
 */
interface CudaDriverApi {
  /**
   * The driver's CUDA version, as cuDriverGetVersion gives it.
   *
   * @return 1000 · major + 10 · minor
   * @throws CudaDriverException if the driver refuses
   */
  int version();

  /**
   * Name, compute capability and memory of each device.
   *
   * @return in the driver's order
   * @throws CudaDriverException if the driver refuses
   */
  List<Found> devices();
}

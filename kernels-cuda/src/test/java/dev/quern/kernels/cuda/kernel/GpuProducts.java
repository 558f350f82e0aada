package dev.quern.kernels.cuda.kernel;

import dev.quern.core.spi.DeviceProvider;
import dev.quern.kernels.cuda.GpuDevice;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** This machine's device with Quern's own products, by the compute capability that it shows. */
final class GpuProducts {
  private static final Map<Integer, DeviceProvider> OPENED = new ConcurrentHashMap<>();

  private GpuProducts() {}

  /** As {@link GpuDevice#showing}; one for all tests. */
  static DeviceProvider showing(int major) {
    return OPENED.computeIfAbsent(
        major,
        m -> GpuDevice.showing(m, d -> new CudaKernels(d, MatMulChoice.OWN, Optional::empty)));
  }
}

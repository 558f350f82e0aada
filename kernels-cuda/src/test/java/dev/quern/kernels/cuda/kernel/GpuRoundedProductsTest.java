package dev.quern.kernels.cuda.kernel;

import dev.quern.core.spi.DeviceProvider;
import dev.quern.kernels.cuda.OnGpu;

/** Products of rounded operands on the device. */
@OnGpu
class GpuRoundedProductsTest extends RoundedProductsTest {
  @Override
  DeviceProvider device(int major) {
    return GpuProducts.showing(major);
  }
}

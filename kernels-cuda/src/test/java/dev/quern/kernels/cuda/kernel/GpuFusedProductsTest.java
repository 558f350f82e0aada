package dev.quern.kernels.cuda.kernel;

import dev.quern.core.spi.DeviceProvider;
import dev.quern.kernels.cuda.OnGpu;

/** Fused products on the device. */
@OnGpu
class GpuFusedProductsTest extends FusedProductsTest {
  @Override
  DeviceProvider device(int major) {
    return GpuProducts.showing(major);
  }
}

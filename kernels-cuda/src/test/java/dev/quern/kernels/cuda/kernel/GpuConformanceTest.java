package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;
import dev.quern.kernels.cuda.GpuDevice;
import dev.quern.kernels.cuda.OnGpu;

/** All cases of the kit, on the device. */
@OnGpu
class GpuConformanceTest extends CudaConformance {
  GpuConformanceTest() {
    super(GpuDevice.open());
  }

  @Override
  protected Engine engine(Engine.Builder builder) {
    return GpuDevice.engine(builder);
  }
}

package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;
import dev.quern.kernels.cuda.GpuDevice;
import dev.quern.kernels.cuda.OnGpu;

/** Fused calls around a layer's products on the device. */
@OnGpu
class GpuInferenceFusedTest extends InferenceFusedTest {
  @Override
  Engine engine() {
    return GpuDevice.engine(Engine.builder());
  }
}

package dev.quern.transformer.device;

import dev.quern.core.engine.Engine;
import dev.quern.kernels.cuda.GpuDevice;
import dev.quern.kernels.cuda.OnGpu;

@OnGpu
class GpuDecodingTest extends DecodingOnDevice {
  @Override
  Engine engine(Engine.Builder builder) {
    return GpuDevice.engine(builder);
  }
}

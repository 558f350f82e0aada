package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;
import dev.quern.kernels.cuda.GpuDevice;
import dev.quern.kernels.cuda.OnGpu;

@OnGpu
class GpuEngineTest extends EngineOnDevice {
  GpuEngineTest() {
    super(GpuDevice.engine(Engine.builder()));
  }
}

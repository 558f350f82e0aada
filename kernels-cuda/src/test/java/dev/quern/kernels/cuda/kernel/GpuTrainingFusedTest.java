package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;
import dev.quern.kernels.cuda.GpuDevice;
import dev.quern.kernels.cuda.OnGpu;

/** Fused calls of a training step on the device. */
@OnGpu
class GpuTrainingFusedTest extends TrainingFusedTest {
  @Override
  Engine engine() {
    return GpuDevice.engine(Engine.builder());
  }
}

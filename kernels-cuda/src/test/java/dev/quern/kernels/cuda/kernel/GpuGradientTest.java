package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;
import dev.quern.kernels.cuda.GpuDevice;
import dev.quern.kernels.cuda.OnGpu;
import dev.quern.testkit.GradientConformance;

/** The gradients of all operations on the device, and that they have the same bits twice. */
@OnGpu
class GpuGradientTest extends GradientConformance {
  GpuGradientTest() {
    super(GpuDevice.engine(Engine.builder()));
  }
}

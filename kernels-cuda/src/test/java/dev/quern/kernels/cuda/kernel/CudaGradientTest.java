package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;
import dev.quern.testkit.GradientConformance;

/**
 * The gradients of all operations on an emulated device, and that they have the same bits twice.
 */
class CudaGradientTest extends GradientConformance {
  CudaGradientTest() {
    super(EmulatedDevice.engine(Engine.builder()));
  }
}

package dev.quern.transformer.device;

import dev.quern.core.engine.Engine;
import dev.quern.kernels.cuda.kernel.EmulatedDevice;

class EmulatedModelsTest extends ModelsOnDevice {
  @Override
  Engine engine(Engine.Builder builder) {
    return EmulatedDevice.engine(builder);
  }
}

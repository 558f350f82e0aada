package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;

class EmulatedEngineTest extends EngineOnDevice {
  EmulatedEngineTest() {
    super(EmulatedDevice.engine(Engine.builder()));
  }
}

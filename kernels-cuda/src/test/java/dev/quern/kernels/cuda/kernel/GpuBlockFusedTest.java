package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.Precision;
import dev.quern.kernels.cuda.GpuDevice;
import dev.quern.kernels.cuda.OnGpu;

/** Products with weights in blocks on the device. */
@OnGpu
class GpuBlockFusedTest extends BlockFusedTest {
  @Override
  Engine engine(Precision precision) {
    return GpuDevice.engine(Engine.builder().precision(precision));
  }
}

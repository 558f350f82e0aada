package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.type.Device;
import dev.quern.kernels.cuda.OnGpu;

/** Attention of compute capability 9.0 on the device, if it has it. */
@OnGpu
class GpuHopperAttentionTest extends HopperAttentionTest {
  @Override
  Engine open(Engine.Builder builder) {
    return builder
        .kernels(new ReferenceProvider())
        .devices(GpuProducts.showing(9))
        .device(Device.cuda(0))
        .build();
  }
}

package dev.quern.kernels.cuda.kernel;

import dev.quern.kernels.cuda.OnGpu;

/** Products of compute capability 9.0 on the device, if it has it. */
@OnGpu
class GpuHopperMatMulTest extends HopperMatMulTest {
  @Override
  MatMulCheck products() {
    return new MatMulCheck(GpuProducts.showing(9));
  }
}

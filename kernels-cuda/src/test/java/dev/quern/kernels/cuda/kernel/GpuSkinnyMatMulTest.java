package dev.quern.kernels.cuda.kernel;

import dev.quern.kernels.cuda.OnGpu;

/** Products of few rows on the device. */
@OnGpu
class GpuSkinnyMatMulTest extends SkinnyMatMulTest {
  @Override
  MatMulCheck products() {
    return new MatMulCheck(GpuProducts.showing(8));
  }
}

package dev.quern.kernels.cuda.kernel;

import dev.quern.kernels.cuda.OnGpu;

/** Products with asynchronous copies on the device, as one of compute capability 8.0. */
@OnGpu
class GpuAmpereMatMulTest extends AmpereMatMulTest {
  @Override
  MatMulCheck products() {
    return new MatMulCheck(GpuProducts.showing(8));
  }

  @Override
  String name(String tile) {
    return "mma "; // another number of multiprocessors, and what is measured
  }
}

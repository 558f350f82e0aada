package dev.quern.kernels.cuda;

@OnGpu
class GpuBackendTest extends BackendOnDevice {
  GpuBackendTest() {
    super(GpuDevice.alone());
  }
}

package dev.quern.kernels.cuda;

/** On the device, by what its driver says is free. Nobody else may use it meanwhile. */
@OnGpu
class GpuEnduranceTest extends Endurance {
  GpuEnduranceTest() {
    super(GpuDevice.alone());
  }

  @Override
  long used() {
    return -GpuDevice.freeBytes();
  }

  /** A driver takes its own memory in pieces; a thousand graphs or streams would be more. */
  @Override
  long slack() {
    return 32 << 20;
  }
}

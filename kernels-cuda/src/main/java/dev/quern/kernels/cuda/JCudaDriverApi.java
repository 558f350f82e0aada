package dev.quern.kernels.cuda;

import dev.quern.core.spi.DeviceProvider.Found;
import dev.quern.core.type.Device;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** The driver calls through JCuda. Loading this class loads JCuda's native glue. */
final class JCudaDriverApi implements CudaDriverApi {
  private static final int NAME_BYTES = 256;

  /** Called by name from {@link CudaProvider}. */
  JCudaDriverApi() {
    JCudaDriver.setExceptionsEnabled(false);
    check("cuInit", JCudaDriver.cuInit(0));
  }

  @Override
  public int version() {
    int[] version = new int[1];
    check("cuDriverGetVersion", JCudaDriver.cuDriverGetVersion(version));
    return version[0];
  }

  @Override
  public List<Found> devices() {
    int[] count = new int[1];
    check("cuDeviceGetCount", JCudaDriver.cuDeviceGetCount(count));
    List<Found> found = new ArrayList<>();
    for (int i = 0; i < count[0]; i++) {
      CUdevice device = new CUdevice();
      check("cuDeviceGet", JCudaDriver.cuDeviceGet(device, i));
      byte[] name = new byte[NAME_BYTES];
      check("cuDeviceGetName", JCudaDriver.cuDeviceGetName(name, NAME_BYTES, device));
      long[] memoryBytes = new long[1];
      check("cuDeviceTotalMem", JCudaDriver.cuDeviceTotalMem(memoryBytes, device));
      int major =
          attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
      int minor =
          attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
      found.add(
          new Found(
              Device.cuda(i),
              text(name) + ", compute capability " + major + "." + minor,
              memoryBytes[0]));
    }
    return found;
  }

  private static int attribute(CUdevice device, int which) {
    int[] value = new int[1];
    check("cuDeviceGetAttribute", JCudaDriver.cuDeviceGetAttribute(value, which, device));
    return value[0];
  }

  private static String text(byte[] zeroTerminated) {
    int n = 0;
    while (n < zeroTerminated.length && zeroTerminated[n] != 0) {
      n++;
    }
    return new String(zeroTerminated, 0, n, StandardCharsets.UTF_8);
  }

  private static void check(String call, int result) {
    if (result != CUresult.CUDA_SUCCESS) {
      throw new CudaDriverException(call, CUresult.stringFor(result));
    }
  }
}

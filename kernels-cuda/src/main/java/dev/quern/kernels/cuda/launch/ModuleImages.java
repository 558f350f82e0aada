package dev.quern.kernels.cuda.launch;

/** Where the compiled kernels come from. */
public interface ModuleImages {
  /**
   * What {@link dev.quern.kernels.cuda.driver.CudaDriver#moduleLoad} takes.
   *
   * @param module its name: that of its source file without {@code .cu}
   * @return the image
   * @throws dev.quern.core.type.DeviceException if there is none that this driver and device take;
   *     names versions and remedy
   */
  byte[] image(String module);
}

package dev.quern.kernels.cuda.launch;

import dev.quern.core.spi.Probe;
import java.util.Optional;

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

  /**
   * Why kernels can't run with this driver and device, found without loading any.
   *
   * @return empty if compiled kernels fit, or there is what compiles them
   */
  default Optional<Probe.Refused> refusal() {
    return Optional.empty();
  }
}

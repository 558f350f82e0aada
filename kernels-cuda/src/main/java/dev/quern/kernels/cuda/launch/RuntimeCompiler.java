package dev.quern.kernels.cuda.launch;

import java.util.Map;

/** Compiles sources where no image fits: NVRTC, or what a test puts in its place. */
interface RuntimeCompiler {
  /**
   * Which CUDA version it is.
   *
   * @return for example {@code 12.6}
   */
  String version();

  /**
   * Compiles a module.
   *
   * @param name of the file
   * @param source its text
   * @param headers what it includes, by name
   * @param architecture for example {@code sm_80}
   * @return what the driver loads
   * @throws dev.quern.core.type.DeviceException if it doesn't compile; ends with the log
   */
  byte[] compile(String name, String source, Map<String, String> headers, String architecture);
}

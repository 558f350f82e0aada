package dev.quern.kernels.cuda.launch;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;

/** Images of a jar that is made up, for the tests of other packages. */
public final class TestImages {
  private TestImages() {}

  /** The kernels of a jar that nvcc of a version made, where there is no NVRTC. */
  public static ModuleImages compiledBy(String version, int driverVersion) {
    Map<String, String> files =
        Map.of("fatbin.version", version, "fatbin.targets", "sm_80 sm_90", "fake.fatbin", "fat");
    return new ShippedImages(
        n -> files.containsKey(n) ? files.get(n).getBytes(StandardCharsets.UTF_8) : null,
        driverVersion,
        "sm_90",
        Optional::empty);
  }
}

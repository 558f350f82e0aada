package dev.quern.kernels.cuda.launch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.core.type.DeviceException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ShippedImagesTest {
  private final Map<String, String> files = new HashMap<>();

  /** Notes what it is asked to compile. */
  private static final class Compiler implements RuntimeCompiler {
    private String asked = "";

    @Override
    public String version() {
      return "12.6";
    }

    @Override
    public byte[] compile(
        String name, String source, Map<String, String> headers, String architecture) {
      asked = name + " " + headers.keySet().stream().sorted().toList() + " " + architecture;
      return bytes("compiled");
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private ShippedImages images(int driver, @Nullable RuntimeCompiler compiler) {
    return images(driver, "sm_80", compiler);
  }

  private ShippedImages images(
      int driver, String architecture, @Nullable RuntimeCompiler compiler) {
    return new ShippedImages(
        n -> files.containsKey(n) ? bytes(files.get(n)) : null,
        driver,
        architecture,
        () -> Optional.ofNullable(compiler));
  }

  private void compiled() {
    files.put("fatbin.version", "13.1\n");
    files.put("fatbin.targets", "sm_80 sm_90a\n");
    files.put("add.fatbin", "fat");
  }

  private void sources() {
    files.put(
        "add.cu", "// adds\n#include \"a.cuh\"\n#include \"b.cuh\"\n#include <cuda_fp16.h>\n");
    files.put("a.cuh", "#include \"b.cuh\"\n#include \"c.cuh\"\n");
    files.put("b.cuh", "");
    files.put("c.cuh", "#include \"a.cuh\"\n");
  }

  @Test
  void compiledKernelsServeTheirVersionAndLaterOnes() {
    compiled();
    for (int driver : new int[] {13_010, 13_020, 14_000}) {
      for (String architecture : new String[] {"sm_80", "sm_89", "sm_90", "sm_100", "sm_121"}) {
        assertArrayEquals(bytes("fat"), images(driver, architecture, null).image("add"));
        assertTrue(images(driver, architecture, null).refusal().isEmpty());
      }
    }
  }

  /** CUDA's minor version compatibility: machine code runs, PTX is not compiled. */
  @Test
  void anOlderMinorVersionTakesMachineCodeAndNoPtx() {
    compiled();
    sources();
    for (String architecture : new String[] {"sm_80", "sm_86", "sm_90"}) {
      assertArrayEquals(bytes("fat"), images(13_000, architecture, null).image("add"));
    }
    for (String architecture : new String[] {"sm_100", "sm_121", "sm_91"}) {
      assertEquals(
          "the kernels were compiled with CUDA 13.1, as PTX alone for "
              + architecture
              + ", which no older driver takes, and the driver serves CUDA 13.0",
          images(13_000, architecture, null).refusal().orElseThrow().reason());
      Compiler nvrtc = new Compiler();
      assertArrayEquals(bytes("compiled"), images(13_000, architecture, nvrtc).image("add"));
    }
    files.remove("fatbin.targets");
    assertTrue(
        images(13_000, null).refusal().isPresent(), "nobody says that there is machine code");
    assertTrue(images(13_010, null).refusal().isEmpty());
  }

  /** What the build says of its images; without it no older driver would take them. */
  @Test
  void theBuildNamesTheMachineCodeThatItMade() throws IOException {
    try (InputStream targets =
        ShippedImages.class.getResourceAsStream("/dev/quern/kernels/cuda/fatbin.targets")) {
      assumeTrue(targets != null, "the build had no nvcc, so there are no compiled kernels");
      String text = new String(targets.readAllBytes(), StandardCharsets.UTF_8);
      assertEquals("sm_80 sm_90", text);
    }
  }

  @Test
  void olderDriversGetTheSourceCompiled() {
    compiled();
    sources();
    Compiler nvrtc = new Compiler();
    assertArrayEquals(bytes("compiled"), images(12_040, nvrtc).image("add"));
    assertEquals("add.cu [a.cuh, b.cuh, c.cuh] sm_80", nvrtc.asked);
    assertTrue(images(12_040, nvrtc).refusal().isEmpty());
  }

  @Test
  void kernelsOfOneGenerationAreCompiledForItAlone() {
    files.put("add_hopper.cu", "// adds\n");
    Compiler nvrtc = new Compiler();
    ShippedImages hopper =
        new ShippedImages(
            n -> files.containsKey(n) ? bytes(files.get(n)) : null,
            12_040,
            "sm_90",
            () -> Optional.of(nvrtc));
    assertArrayEquals(bytes("compiled"), hopper.image("add_hopper"));
    assertEquals("add_hopper.cu [] sm_90a", nvrtc.asked);
  }

  @Test
  void withoutACompilerBothVersionsAreNamed() {
    compiled();
    sources();
    DeviceException e =
        assertThrows(DeviceException.class, () -> images(12_040, null).image("add"));
    assertEquals(
        "[cuda] the kernels were compiled with CUDA 13.1, and the driver serves CUDA 12.4; update"
            + " the driver, or install NVRTC 12 (libnvrtc.so.12), which compiles their sources",
        e.getMessage());
    assertEquals(
        "the kernels were compiled with CUDA 13.1, and the driver serves CUDA 12.4",
        images(12_040, null).refusal().orElseThrow().reason());
  }

  @Test
  void aBuildWithoutNvccCompilesOrSaysSo() {
    sources();
    assertArrayEquals(bytes("compiled"), images(13_000, new Compiler()).image("add"));
    DeviceException e =
        assertThrows(DeviceException.class, () -> images(13_000, null).image("add"));
    assertTrue(e.getMessage().contains("had no nvcc"), e.getMessage());
    assertTrue(e.getMessage().contains("build with nvcc, or install NVRTC 13"), e.getMessage());
  }

  @Test
  void whatIsMissingIsNamed() {
    compiled();
    DeviceException e =
        assertThrows(DeviceException.class, () -> images(13_010, null).image("sub"));
    assertTrue(e.getMessage().contains("'sub'"), e.getMessage());
  }

  @Test
  void nvrtcOfNoVersionIsNotThere() {
    assertTrue(Nvrtc.find(99).isEmpty());
  }
}

package dev.quern.kernels.cuda.launch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.DeviceException;
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
    return new ShippedImages(
        n -> files.containsKey(n) ? bytes(files.get(n)) : null,
        driver,
        "sm_80",
        () -> Optional.ofNullable(compiler));
  }

  private void compiled() {
    files.put("fatbin.version", "13.0\n");
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
    for (int driver : new int[] {13_000, 13_020, 14_000}) {
      assertArrayEquals(bytes("fat"), images(driver, null).image("add"));
      assertTrue(images(driver, null).refusal().isEmpty());
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
        "[cuda] the kernels were compiled with CUDA 13.0, and the driver serves CUDA 12.4; update"
            + " the driver, or install NVRTC 12 (libnvrtc.so.12), which compiles their sources",
        e.getMessage());
    assertEquals(
        "the kernels were compiled with CUDA 13.0, and the driver serves CUDA 12.4",
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
        assertThrows(DeviceException.class, () -> images(13_000, null).image("sub"));
    assertTrue(e.getMessage().contains("'sub'"), e.getMessage());
  }

  @Test
  void nvrtcOfNoVersionIsNotThere() {
    assertTrue(Nvrtc.find(99).isEmpty());
  }
}

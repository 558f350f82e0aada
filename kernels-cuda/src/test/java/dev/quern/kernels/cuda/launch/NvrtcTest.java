package dev.quern.kernels.cuda.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.quern.core.type.DeviceException;
import dev.quern.kernels.cuda.driver.StubLibrary;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** NVRTC's calls, against C functions of the same signatures. */
class NvrtcTest {
  private final Nvrtc nvrtc = new Nvrtc(StubLibrary.symbols());

  @Test
  void sourcesHeadersAndOptionsArrive() {
    Map<String, String> headers = new LinkedHashMap<>();
    headers.put("a.cuh", "A");
    headers.put("b.cuh", "B");
    byte[] image = nvrtc.compile("add.cu", "source", headers, "sm_80");
    assertEquals(
        "add.cu: source | a.cuh: A | b.cuh: B | --gpu-architecture=sm_80 | --std=c++17 |"
            + " --fmad=false",
        new String(image, StandardCharsets.UTF_8));
    assertEquals("12.6", nvrtc.version());
    assertEquals(
        "x.cu: y | --gpu-architecture=sm_90 | --std=c++17 | --fmad=false",
        new String(nvrtc.compile("x.cu", "y", Map.of(), "sm_90"), StandardCharsets.UTF_8));
  }

  @Test
  void whatDoesntCompileEndsWithTheLog() {
    DeviceException e =
        assertThrows(
            DeviceException.class, () -> nvrtc.compile("bad.cu", "#error here", Map.of(), "sm_80"));
    assertEquals(
        "[cuda] NVRTC 12.6 can't compile bad.cu for sm_80: line 1: an error", e.getMessage());
  }
}

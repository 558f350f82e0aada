package dev.quern.kernels.cuda.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URI;
import java.net.URL;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The calls through FFM, against C functions of the same signatures. */
class DriverSymbolsTest {
  @Test
  void launchesSayTheirGridAndStruct() {
    DriverSymbols symbols = new DriverSymbols(StubLibrary.symbols());
    MemorySegment params = Arena.ofAuto().allocate(64, 64);
    params.set(ValueLayout.JAVA_INT, 0, 77);
    assertEquals(0, symbols.launch(0xabc0, new Grid(3, 4, 5, 96, 1024), params, 0xdef0));
    assertEquals(
        "grid 3 4 5 block 96 1 1 shared 1024 stream def0 attributes (nil) 0 function abc0 first 77"
            + " extra (nil)",
        StubLibrary.said());
    params.set(ValueLayout.JAVA_INT, 0, 13);
    assertEquals(1, symbols.launch(0, Grid.of(1, 1), params, 0), "the result comes back");
  }

  @Test
  void tensorMapsSayTheirAxes() {
    DriverSymbols symbols = new DriverSymbols(StubLibrary.symbols());
    TensorMap map =
        new TensorMap(9, 0x7000_0000L, List.of(4096L, 128L), List.of(8192L), List.of(64, 32), 3);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment target = arena.allocate(TensorMap.BYTES, TensorMap.ALIGNMENT);
      assertEquals(0, symbols.encode(map, target));
      assertEquals(0x5a, target.get(ValueLayout.JAVA_BYTE, 127));
    }
    assertEquals(
        "type 9 rank 2 address 70000000 extents 4096 128 stride 8192 box 64 32 steps 1 1 interleave"
            + " 0 swizzle 3 promotion 2 fill 0 aligned 1",
        StubLibrary.said());
  }

  /** In a process of its own, which then has what looks like a driver. */
  @Test
  void jcudaCarriesEachCallAsItWasMade() {
    onJCudasPlatform();
    assertEquals(0, glue("12", StubLibrary.build("libcuda.c", "libcuda.so.1")));
  }

  private static void onJCudasPlatform() {
    assumeTrue(
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64"),
        "JCuda's library is there for Linux on x86-64 alone: not tested here");
  }

  private static int glue(String version, Path stub) {
    return StubLibrary.run(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--enable-native-access=ALL-UNNAMED",
        "-cp",
        classPath(),
        JCudaGlue.class.getName(),
        version,
        stub.toString());
  }

  /** What this test runs on, modules or not, with the test classes, which are patched into one. */
  private static String classPath() {
    URL tests = DriverSymbolsTest.class.getResource("DriverSymbolsTest.class");
    Path root = Path.of(URI.create(Objects.requireNonNull(tests).toString()));
    for (int i = 0; i < 6; i++) { // dev/quern/kernels/cuda/driver/DriverSymbolsTest.class
      root = Objects.requireNonNull(root.getParent());
    }
    return String.join(
        File.pathSeparator,
        root.toString(),
        System.getProperty("jdk.module.path", ""),
        System.getProperty("java.class.path"));
  }

  @Test
  void aMissingCallIsNamedWhenItIsWanted() {
    DriverSymbols old = new DriverSymbols(_ -> Optional.empty());
    MemorySegment params = MemorySegment.ofArray(new long[1]);
    UnsatisfiedLinkError e =
        assertThrows(UnsatisfiedLinkError.class, () -> old.launch(1, Grid.of(1, 1), params, 2));
    assertTrue(e.getMessage().contains("libcuda.so.1 has no cuLaunchKernelEx"), e.getMessage());
    TensorMap map = new TensorMap(9, 0, List.of(8L), List.of(), List.of(8), 0);
    e = assertThrows(UnsatisfiedLinkError.class, () -> old.encode(map, params));
    assertTrue(e.getMessage().contains("no cuTensorMapEncodeTiled"), e.getMessage());
  }

  /** A driver of CUDA 11 has neither call, and says its version all the same. */
  @Test
  void anOlderDriverIsToldBothVersions() {
    onJCudasPlatform();
    Path stub = StubLibrary.build("libcuda.c", "libcuda.so.1", "-DQUERN_STUB_11");
    assertEquals(0, glue("11", stub));
  }
}

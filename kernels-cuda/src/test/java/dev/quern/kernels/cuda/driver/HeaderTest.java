package dev.quern.kernels.cuda.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Numbers that the driver is given, held against {@code cuda.h} where there is a CUDA toolkit. */
class HeaderTest {
  private static final Path HEADERS = Path.of("/usr/local/cuda/include");
  private static final Map<Attribute, String> DEVICE =
      Map.ofEntries(
          Map.entry(Attribute.WARP_THREADS, "WARP_SIZE"),
          Map.entry(Attribute.REGISTERS_PER_BLOCK, "MAX_REGISTERS_PER_BLOCK"),
          Map.entry(Attribute.CLOCK_KHZ, "CLOCK_RATE"),
          Map.entry(Attribute.MULTIPROCESSORS, "MULTIPROCESSOR_COUNT"),
          Map.entry(Attribute.MEMORY_CLOCK_KHZ, "MEMORY_CLOCK_RATE"),
          Map.entry(Attribute.MEMORY_BUS_BITS, "GLOBAL_MEMORY_BUS_WIDTH"),
          Map.entry(Attribute.L2_BYTES, "L2_CACHE_SIZE"),
          Map.entry(Attribute.THREADS_PER_MULTIPROCESSOR, "MAX_THREADS_PER_MULTIPROCESSOR"),
          Map.entry(Attribute.UNIFIED_ADDRESSING, "UNIFIED_ADDRESSING"),
          Map.entry(Attribute.MAJOR, "COMPUTE_CAPABILITY_MAJOR"),
          Map.entry(Attribute.MINOR, "COMPUTE_CAPABILITY_MINOR"),
          Map.entry(Attribute.SHARED_PER_MULTIPROCESSOR, "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR"),
          Map.entry(Attribute.REGISTERS_PER_MULTIPROCESSOR, "MAX_REGISTERS_PER_MULTIPROCESSOR"),
          Map.entry(Attribute.SHARED_PER_BLOCK_OPTIN, "MAX_SHARED_MEMORY_PER_BLOCK_OPTIN"));
  private static final Map<FunctionAttribute, String> FUNCTION =
      Map.of(
          FunctionAttribute.MOST_THREADS, "MAX_THREADS_PER_BLOCK",
          FunctionAttribute.STATIC_SHARED_BYTES, "SHARED_SIZE_BYTES",
          FunctionAttribute.LOCAL_BYTES, "LOCAL_SIZE_BYTES",
          FunctionAttribute.REGISTERS, "NUM_REGS",
          FunctionAttribute.MOST_DYNAMIC_SHARED_BYTES, "MAX_DYNAMIC_SHARED_SIZE_BYTES");

  @Test
  void attributesHaveTheirNumbers() throws IOException {
    assumeTrue(
        Files.exists(HEADERS.resolve("cuda.h")) && StubLibrary.run("cc", "--version") == 0,
        "no cuda.h in the usual place, or no cc on the path: not compared");
    StringBuilder source = new StringBuilder("#include <cuda.h>\n");
    for (Attribute a : Attribute.values()) {
      same(source, "CU_DEVICE_ATTRIBUTE_" + DEVICE.get(a), a.id());
    }
    for (FunctionAttribute a : FunctionAttribute.values()) {
      same(source, "CU_FUNC_ATTRIBUTE_" + FUNCTION.get(a), a.id());
    }
    Path folder = Files.createDirectories(Path.of("target", "stubs"));
    Path file = Files.writeString(folder.resolve("attributes.c"), source);
    String[] compile = {"cc", "-fsyntax-only", "-I" + HEADERS, file.toString()};
    assertEquals(0, StubLibrary.run(compile));
  }

  private static void same(StringBuilder source, String name, int number) {
    source.append("_Static_assert(%s == %d, \"%s\");\n".formatted(name, number, name));
  }
}

package dev.quern.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.spi.Probe;
import dev.quern.testkit.Origin;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;

/** The provider is found, and explains itself where the Vector API is missing. */
class VectorProviderTest {
  @Test
  void isFoundAndUsable() {
    KernelProvider p =
        KernelRegistry.providers("cpu").stream()
            .filter(k -> k.name().equals("vector"))
            .findFirst()
            .orElseThrow();
    assertEquals(100, p.priority());
    assertTrue(p.probe().isUsable());
  }

  @Test
  void refusesWithoutTheModuleAndSaysWhatToDo() throws IOException, InterruptedException {
    Process java =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                classPath(),
                Main.class.getName())
            .redirectErrorStream(true)
            .start();
    String out = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, java.waitFor(), out);
    assertTrue(out.contains("start java with --add-modules jdk.incubator.vector"), out);
  }

  /**
   * Where the classes are, whichever way this JVM was started: on the module path, a test's classes
   * are patched into the module, and the core is a module of its own.
   */
  private static String classPath() {
    return Stream.of(Main.class, VectorProvider.class, KernelProvider.class, NullMarked.class)
        .map(Origin::of)
        .distinct()
        .collect(Collectors.joining(File.pathSeparator));
  }

  /** Prints what the provider answers. */
  static final class Main {
    private Main() {}

    /** Run in a JVM without the module. */
    public static void main(String[] args) {
      if (new VectorProvider().probe() instanceof Probe.Refused(String reason, String remedy)) {
        System.out.println(reason + "; " + remedy);
      }
    }
  }
}

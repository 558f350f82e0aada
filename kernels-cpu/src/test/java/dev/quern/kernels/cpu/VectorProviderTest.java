package dev.quern.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.Probe;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;

/** The provider is found, and explains itself where the Vector API is missing. */
class VectorProviderTest {
  @Test
  void isFoundAndUsable() {
    KernelProvider p =
        ServiceLoader.load(KernelProvider.class).stream()
            .map(ServiceLoader.Provider::get)
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
                System.getProperty("java.class.path"),
                Main.class.getName())
            .redirectErrorStream(true)
            .start();
    String out = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, java.waitFor(), out);
    assertTrue(out.contains("start java with --add-modules jdk.incubator.vector"), out);
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

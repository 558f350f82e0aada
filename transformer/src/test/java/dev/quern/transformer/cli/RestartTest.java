package dev.quern.transformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class RestartTest {
  private static final String OVERRIDE = "quern.kernels.softmax";

  @AfterEach
  void reset() {
    System.clearProperty(Restart.LAUNCHER);
    System.clearProperty(OVERRIDE);
  }

  @Test
  void thereIsNoneWithoutALauncher() {
    assertNull(Restart.begin());
  }

  @Test
  void handsTheCommandLineOver(@TempDir Path folder) throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "the launcher is skipped without /bin/sh");
    Path launcher = folder.resolve("the launcher");
    Files.writeString(
        launcher,
        "#!/bin/sh\n[ \"$QUERN_VECTOR\" = 1 ] && [ \"$1\" = 'a b' ] && [ $# = 2 ] && exit 7\n");
    assertTrue(launcher.toFile().setExecutable(true));
    System.setProperty(Restart.LAUNCHER, launcher.toString());
    assertEquals(7, Objects.requireNonNull(Restart.begin()).elsewhere("a b", "c"));
  }

  @Test
  void isMadeForCachesThatAreNotTheNativeKernels(@TempDir Path folder) throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "the launcher is skipped without /bin/sh");
    Path launcher = folder.resolve("launcher");
    Files.writeString(launcher, "#!/bin/sh\nexit 7\n");
    assertTrue(launcher.toFile().setExecutable(true));
    System.setProperty(Restart.LAUNCHER, launcher.toString());
    Restart restart = Objects.requireNonNull(Restart.begin());
    for (String type : new String[] {"f8_e4m3", "FP8", "fp8_e4m3"}) {
      String[] args = {"generate", "-m", "no such file", "-p", "x", "--cache-type", type};
      assertEquals(7, restart.run(QuernCommand.commandLine(args).parseArgs(args), args));
    }
  }

  @Test
  void isMadeForOverrides(@TempDir Path folder) throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "the launcher is skipped without /bin/sh");
    Path launcher = folder.resolve("launcher");
    Files.writeString(launcher, "#!/bin/sh\nexit 7\n");
    assertTrue(launcher.toFile().setExecutable(true));
    System.setProperty(Restart.LAUNCHER, launcher.toString());
    System.setProperty(OVERRIDE, "reference");
    CommandLine line = QuernCommand.commandLine("devices");
    Restart restart = Objects.requireNonNull(Restart.begin());
    assertEquals(7, restart.run(line.parseArgs("devices"), "devices"));
  }
}

package dev.quern.transformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code bin/quern} in a checkout of empty files, with a Java that prints its arguments. */
class LauncherTest {
  private static final String MODULE = "jdk.incubator.vector";
  private static final String LIBRARY =
      "native/target/classes/dev/quern/kernels/ffm/lib/os-arch/libquern.so";
  private static final String ARCHIVE = "-XX:SharedArchiveFile=";

  @TempDir Path folder;
  private Path root;
  private Path cache;

  @BeforeEach
  void checkout() throws IOException {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "the launcher is skipped without /bin/sh");
    root = Files.createDirectory(folder.resolve("a checkout")).toRealPath();
    cache = folder.resolve("cache");
    write("transformer/target/quern-transformer-0.jar", "");
    write("transformer/target/lib/quern-native-0.jar", "");
    write("jdk/release", "JAVA_VERSION=\"25.0.1\"\n");
    executable(write("jdk/bin/java", "#!/bin/sh\nprintf '%s\\n' \"$@\"\n"));
    executable(write("bin/quern", Files.readString(Path.of("..", "bin", "quern"))));
  }

  private Path write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    return Files.writeString(path, text);
  }

  private static void executable(Path file) {
    assertTrue(file.toFile().setExecutable(true), file.toString());
  }

  /** Turns the checkout into what a bundle is when it is unpacked. */
  private void bundle() throws IOException {
    write("runtime/release", "JAVA_VERSION=\"25.0.1\"\n");
    executable(write("runtime/bin/java", "#!/bin/sh\necho the bundle\nprintf '%s\\n' \"$@\"\n"));
    write("lib/quern-native-0.jar", "");
    write("lib/quern-transformer-0.jar", "");
  }

  /** What Java is given. */
  private List<String> start(Map<String, String> environment, String... args) throws Exception {
    List<String> command = new ArrayList<>(List.of(root.resolve("bin/quern").toString()));
    command.addAll(List.of(args));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().keySet().removeIf(name -> name.startsWith("QUERN_"));
    builder.environment().put("QUERN_JAVA", root.resolve("jdk").toString());
    builder.environment().put("QUERN_CACHE", cache.toString());
    builder.environment().putAll(environment);
    Process process = builder.start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), out);
    return out.lines().toList();
  }

  private static String archive(List<String> arguments) {
    return arguments.stream().filter(a -> a.startsWith(ARCHIVE)).findFirst().orElse("");
  }

  @Test
  void passesTheCommandLineOn() throws Exception {
    List<String> given = start(Map.of("QUERN_JAVA_OPTS", "-Da=1 -Db=2"), "x y", "*", "");
    int main = given.indexOf("dev.quern.transformer.cli.QuernCommand");
    assertEquals(List.of("x y", "*", ""), given.subList(main + 1, given.size()));
    assertTrue(given.subList(0, main).containsAll(List.of("-Da=1", "-Db=2")), given.toString());
    String classPath = given.get(given.indexOf("-cp") + 1);
    assertTrue(classPath.startsWith(root + "/transformer/target/quern-transformer-0.jar:"));
    assertTrue(classPath.endsWith("/transformer/target/lib/quern-native-0.jar"), classPath);
  }

  @Test
  void aBundleNeedsNothingBesideItself() throws Exception {
    bundle();
    Files.delete(root.resolve("transformer/target/quern-transformer-0.jar"));
    List<String> given = start(Map.of("QUERN_JAVA", ""), "devices");
    assertEquals("the bundle", given.getFirst());
    assertEquals(
        root + "/lib/quern-native-0.jar:" + root + "/lib/quern-transformer-0.jar",
        given.get(given.indexOf("-cp") + 1));
    List<String> generate = start(Map.of("QUERN_JAVA", ""), "generate", "-p", "x");
    assertFalse(generate.contains(MODULE), "the native library is in a jar: " + generate);
    assertTrue(generate.contains("-Dquern.launcher=" + root.resolve("bin/quern")));
    List<String> other = start(Map.of(), "devices");
    assertNotEquals("the bundle", other.getFirst(), "QUERN_JAVA comes first");
  }

  @Test
  void aBundleIsFoundThroughALink() throws Exception {
    bundle();
    Path link = folder.resolve("quern");
    Files.createSymbolicLink(link, root.resolve("bin/quern"));
    Process process =
        new ProcessBuilder("/usr/bin/env", "-i", "PATH=/usr/bin:/bin", link.toString(), "devices")
            .redirectErrorStream(true)
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), out);
    assertTrue(out.startsWith("the bundle\n"), out);
  }

  @Test
  void gpuTestsAreChosenByName() throws Exception {
    bundle();
    write("tests/quern-gpu-tests.jar", "");
    Path script = Path.of("..", ".build", "quern-gpu-tests");
    executable(write("bin/quern", Files.readString(script)));
    String console = "org.junit.platform.console.ConsoleLauncher";
    List<String> all = start(Map.of("QUERN_JAVA_OPTS", "-Da=1 -Db=2"), "--details=tree", "--x=a b");
    assertEquals("execute", all.get(all.indexOf(console) + 1));
    assertTrue(all.containsAll(List.of("-Da=1", "-Db=2", "--include-tag=gpu")), all.toString());
    assertTrue(all.contains("--include-classname=.*\\.(.*Test)"), all.toString());
    assertEquals(List.of("--details=tree", "--x=a b"), all.subList(all.size() - 2, all.size()));
    List<String> some = start(Map.of(), "GpuMemoryTest", "--list", "GpuModelsTest");
    assertEquals("discover", some.get(some.indexOf(console) + 1));
    assertEquals("--include-classname=.*\\.(GpuMemoryTest|GpuModelsTest)", some.getLast());
  }

  @Test
  void leavesTheVectorApiOutWhereNativeKernelsAreBuilt() throws Exception {
    List<String> without = start(Map.of(), "generate", "-p", "x");
    assertTrue(without.contains(MODULE), "there is no native library: " + without);
    write(LIBRARY, "");
    List<String> with = start(Map.of(), "generate", "-p", "x");
    assertFalse(with.contains(MODULE), with.toString());
    assertTrue(with.contains("-Dquern.launcher=" + root.resolve("bin/quern")), with.toString());
    assertNotEquals(archive(without), archive(with));
  }

  @Test
  void loadsTheVectorApiWhereItIsWanted() throws Exception {
    write(LIBRARY, "");
    List<List<String>> starts =
        List.of(
            start(Map.of(), "bench"),
            start(Map.of(), "devices"),
            start(Map.of(), "generate", "-p", "x", "-m", folder.toString()),
            start(Map.of(), "logits", "--model=" + folder),
            start(Map.of("QUERN_VECTOR", "1"), "generate"),
            start(Map.of("QUERN_JAVA_OPTS", "-Dquern.kernels=vector,reference"), "generate"),
            start(Map.of("QUERN_JAVA_OPTS", "-Da=1 -Dquern.native.dir=/x"), "generate"));
    for (List<String> given : starts) {
      assertTrue(given.contains(MODULE), given.toString());
      assertFalse(given.toString().contains("-Dquern.launcher"), given.toString());
    }
  }

  @Test
  void keepsAnArchiveForEachCommand() throws Exception {
    String generate = archive(start(Map.of(), "generate"));
    assertTrue(generate.startsWith(ARCHIVE + cache + "/"), generate);
    assertEquals(generate, archive(start(Map.of(), "generate", "--help")));
    assertNotEquals(generate, archive(start(Map.of(), "inspect")));
    assertEquals(archive(start(Map.of())), archive(start(Map.of(), "no-such/../command")));
    assertEquals("", archive(start(Map.of("QUERN_CACHE", ""), "generate")));
  }

  @Test
  void removesAnArchiveThatTheJvmWouldNotRenew() throws Exception {
    Path archive = Path.of(archive(start(Map.of(), "generate")).substring(ARCHIVE.length()));
    Files.write(archive, new byte[100]);
    start(Map.of(), "generate");
    assertFalse(Files.exists(archive));
    Files.write(archive, new byte[1 << 20]);
    start(Map.of(), "generate");
    assertTrue(Files.exists(archive), "the JVM looks at these itself");
    Files.setLastModifiedTime(archive, FileTime.fromMillis(0)); // older than the jars
    start(Map.of(), "generate");
    assertFalse(Files.exists(archive));
  }

  @Test
  void doesWithoutACacheThatCannotBeMade() throws Exception {
    Path file = Files.createFile(folder.resolve("file"));
    List<String> given = start(Map.of("QUERN_CACHE", file + "/cache"), "generate");
    assertEquals("", archive(given));
  }
}

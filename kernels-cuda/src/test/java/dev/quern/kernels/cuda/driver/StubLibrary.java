package dev.quern.kernels.cuda.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code stubs.c} as a library, built once; tests are skipped where there is no C compiler. */
public final class StubLibrary {
  private static @Nullable SymbolLookup built;

  private StubLibrary() {}

  /** The library's symbols. */
  @SuppressWarnings("restricted")
  public static synchronized SymbolLookup symbols() {
    SymbolLookup known = built;
    if (known == null) {
      known = SymbolLookup.libraryLookup(build("stubs.c", "libstubs.so"), Arena.global());
      built = known;
    }
    return known;
  }

  /** What the latest call of libcuda's stubs got. */
  @SuppressWarnings("restricted")
  static String said() {
    return symbols().findOrThrow("quern_stub_said").reinterpret(4096).getString(0);
  }

  /** A source beside this class, compiled; the library's own name is the file's. */
  static Path build(String sourceName, String libraryName, String... flags) {
    try {
      Path folder = Files.createDirectories(Path.of("target", "stubs" + String.join("", flags)));
      Path source = folder.resolve(sourceName);
      try (InputStream in =
          StubLibrary.class.getResourceAsStream("/dev/quern/kernels/cuda/driver/" + sourceName)) {
        Files.write(source, in.readAllBytes());
      }
      Path library = folder.resolve(libraryName).toAbsolutePath();
      assumeTrue(
          run("cc", "--version") == 0,
          "no cc on the path, so the calls through FFM have nothing to call: not tested here");
      List<String> compile = new ArrayList<>(List.of("cc", "-shared", "-fPIC", "-Wall", "-Werror"));
      compile.addAll(List.of(flags));
      compile.add("-Wl,-soname," + libraryName);
      compile.add("-I/usr/local/cuda/include");
      compile.addAll(List.of(source.toString(), "-o", library.toString()));
      assertEquals(0, run(compile.toArray(String[]::new)));
      return library;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static int run(String... command) {
    try {
      Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
      String said = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int rc = p.waitFor();
      if (rc != 0) {
        System.err.println(said); // what the compiler, or the other process, complains of
      }
      return rc;
    } catch (IOException e) {
      return -1;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}

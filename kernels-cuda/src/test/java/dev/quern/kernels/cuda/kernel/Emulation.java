package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The kernels as a library for the processor: each {@code .cu} compiled as C++ with {@code
 * emulation.hpp} in CUDA's place, anew when it or a header has changed.
 */
final class Emulation {
  /** The module's folder; another module's tests run in a folder beside it. */
  private static final Path MODULE =
      Files.isDirectory(Path.of("src", "main", "cuda"))
          ? Path.of("")
          : Path.of("..", "kernels-cuda");

  private static final Path DEVICE = MODULE.resolve("src/main/cuda");
  private static final Path HOST = MODULE.resolve("src/test/cuda");
  private static final Path TARGET = MODULE.resolve("target/emulated");
  private static final int COMPILERS = 2;
  private static final List<String> FLAGS =
      List.of(
          "-std=c++17",
          "-O2",
          "-march=native",
          "-ffp-contract=off",
          "-fPIC",
          "-Wall",
          "-Wextra",
          "-Werror",
          "-Wno-unknown-pragmas",
          "-I" + DEVICE,
          "-I" + HOST);

  private Emulation() {}

  /** The library, built if need be; the test is skipped where there is no C++ compiler. */
  static synchronized Path library() {
    assumeTrue(
        hasCompiler(),
        "no g++ on the path, so the CUDA kernels can't be run on the processor: not tested here");
    try {
      return build();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path build() throws IOException {
    Files.createDirectories(TARGET);
    long headers = newest(files(DEVICE, ".cuh"), files(HOST, ".hpp"));
    List<Path> sources = new ArrayList<>(files(DEVICE, ".cu"));
    sources.addAll(files(HOST, ".cpp"));
    List<Path> objects = new ArrayList<>();
    List<Future<?>> jobs = new ArrayList<>();
    try (ExecutorService compilers = Executors.newFixedThreadPool(COMPILERS)) {
      for (Path source : sources) {
        Path object = TARGET.resolve(source.getFileName() + ".o");
        objects.add(object);
        long changed = Math.max(headers, Files.getLastModifiedTime(source).toMillis());
        if (!Files.exists(object) || Files.getLastModifiedTime(object).toMillis() <= changed) {
          jobs.add(compilers.submit(() -> compile(source, object)));
        }
      }
    }
    for (Future<?> job : jobs) {
      try {
        job.get();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      } catch (java.util.concurrent.ExecutionException e) {
        throw new IllegalStateException(e.getCause());
      }
    }
    Path library = TARGET.resolve("libquern-emulated.so");
    if (!jobs.isEmpty() || !Files.exists(library)) {
      List<String> link = new ArrayList<>(List.of("g++", "-shared", "-o", library.toString()));
      objects.forEach(o -> link.add(o.toString()));
      run(link);
    }
    return library.toAbsolutePath();
  }

  private static void compile(Path source, Path object) {
    List<String> command = new ArrayList<>(List.of("g++"));
    command.addAll(FLAGS);
    if (source.toString().endsWith(".cu")) {
      command.addAll(List.of("-x", "c++", "-include", "emulation.hpp"));
    }
    command.addAll(List.of("-c", source.toString(), "-o", object.toString()));
    run(command);
  }

  private static boolean hasCompiler() {
    try {
      return new ProcessBuilder("g++", "--version")
          .redirectErrorStream(true)
          .redirectOutput(ProcessBuilder.Redirect.DISCARD)
          .start()
          .waitFor(1, TimeUnit.MINUTES);
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void run(List<String> command) {
    try {
      Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
      String said = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (p.waitFor() != 0) {
        throw new IllegalStateException(String.join(" ", command) + "\n" + said);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<Path> files(Path folder, String suffix) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(f -> f.toString().endsWith(suffix)).sorted().toList();
    }
  }

  private static long newest(List<Path> some, List<Path> others) throws IOException {
    long newest = 0;
    for (Path f : Stream.concat(some.stream(), others.stream()).toList()) {
      newest = Math.max(newest, Files.getLastModifiedTime(f).toMillis());
    }
    return newest;
  }
}

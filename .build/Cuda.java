import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/*
 * Compiles kernels-cuda/src/main/cuda with nvcc: each NAME.cu to a resource NAME.fatbin with machine code for compute capability
 * 8.0 (which 8.6 and 8.9 run too) and 9.0, and PTX for what comes after; NAME_hopper.cu with machine code for 9.0 alone, with
 * the instructions that no other generation has (sm_90a). The sources go into the jar as well, by Maven's own
 * resources. What ptxas says of registers and spills stays in target/cuda/NAME.log, where a test reads it.
 *
 * Without nvcc one line says so and the build goes on: drivers then compile the sources where there is NVRTC. NVCC names another.
 */

static final int COMPILERS = 2;
static final List<String> FLAGS =
    List.of(
        "-std=c++17",
        "-O3",
        "--fmad=false", // the sources say where a multiplication and an addition are one
        "-fatbin",
        "-Xptxas=-v");

static final List<String> ARCHITECTURES =
    List.of(
        "-gencode=arch=compute_80,code=sm_80", "-gencode=arch=compute_90,code=[sm_90,compute_90]");

static final List<String> HOPPER = List.of("-gencode=arch=compute_90a,code=sm_90a");

/**
 * What older compilers do not know: images of a fifth of the size, which drivers of that version
 * unpack.
 */
static final List<String> FLAGS_FROM_13 = List.of("--compress-mode=size");

void main(String[] arguments) throws Exception {
  Path module = Path.of(arguments[0]).toAbsolutePath();
  Path sources = module.resolve("src/main/cuda");
  Path images = module.resolve("target/classes/dev/quern/kernels/cuda");
  Path logs = module.resolve("target/cuda");
  String nvcc = Optional.ofNullable(System.getenv("NVCC")).orElse("nvcc");
  Optional<String> version = version(nvcc);
  List<Path> kernels = files(sources, ".cu");
  if (version.isEmpty()) {
    say(
        "kernels not compiled: no nvcc found (the variable NVCC names one); their sources are in"
            + " the jar, for NVRTC");
    for (Path kernel : kernels) {
      Files.deleteIfExists(images.resolve(name(kernel) + ".fatbin"));
      Files.deleteIfExists(logs.resolve(name(kernel) + ".log"));
    }
    Files.deleteIfExists(images.resolve("fatbin.version"));
    Files.deleteIfExists(images.resolve("fatbin.targets"));
    return;
  }
  Files.createDirectories(images);
  Files.createDirectories(logs);
  List<String> flags = new ArrayList<>(FLAGS);
  if (Integer.parseInt(version.get().split("\\.")[0]) >= 13) {
    flags.addAll(FLAGS_FROM_13);
  }
  Path stamp = logs.resolve("nvcc.txt");
  String signature = version.get() + " " + flags + " " + ARCHITECTURES + " " + HOPPER;
  boolean same = Files.exists(stamp) && Files.readString(stamp).equals(signature);
  FileTime headers = newest(files(sources, ".cuh"));
  List<Future<?>> jobs = new ArrayList<>();
  try (var compilers = Executors.newFixedThreadPool(COMPILERS)) {
    for (Path kernel : kernels) {
      Path image = images.resolve(name(kernel) + ".fatbin");
      boolean fresh =
          same
              && Files.exists(image)
              && Files.getLastModifiedTime(image).compareTo(headers) > 0
              && Files.getLastModifiedTime(image).compareTo(Files.getLastModifiedTime(kernel)) > 0;
      if (!fresh) {
        jobs.add(compilers.submit(() -> compile(nvcc, flags, kernel, image, logs)));
      }
    }
  }
  for (Future<?> job : jobs) {
    job.get();
  }
  Files.writeString(stamp, signature);
  Files.writeString(images.resolve("fatbin.version"), version.get());
  Files.writeString(images.resolve("fatbin.targets"), targets(ARCHITECTURES));
  say(
      "kernels compiled with CUDA "
          + version.get()
          + ": "
          + jobs.size()
          + " of "
          + kernels.size()
          + " sources anew");
}

Void compile(String nvcc, List<String> flags, Path source, Path image, Path logs) throws Exception {
  List<String> command = new ArrayList<>(List.of(nvcc));
  command.addAll(flags);
  command.addAll(name(source).endsWith("_hopper") ? HOPPER : ARCHITECTURES);
  command.addAll(List.of("-o", image.toString(), source.toString()));
  Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
  process.getOutputStream().close();
  String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  if (process.waitFor() != 0) {
    Files.deleteIfExists(image);
    System.err.println(text);
    System.err.println("cuda: failed: " + String.join(" ", command));
    System.exit(1);
  }
  Files.writeString(logs.resolve(name(source) + ".log"), text);
  return null;
}

/** The architectures that there is machine code for, such as {@code sm_80 sm_90}. */
String targets(List<String> architectures) {
  List<String> found = new ArrayList<>();
  for (String each : architectures) {
    Matcher target = Pattern.compile("\\bsm_\\w+").matcher(each);
    while (target.find()) {
      found.add(target.group());
    }
  }
  return String.join(" ", found);
}

/** The toolkit's version, such as 13.0, or empty if there is none. */
Optional<String> version(String nvcc) throws Exception {
  try {
    Process process = new ProcessBuilder(nvcc, "--version").redirectErrorStream(true).start();
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    Matcher release = Pattern.compile("release (\\d+\\.\\d+)").matcher(text);
    return process.waitFor() == 0 && release.find()
        ? Optional.of(release.group(1))
        : Optional.empty();
  } catch (IOException e) {
    return Optional.empty();
  }
}

List<Path> files(Path folder, String suffix) throws IOException {
  try (var all = Files.list(folder)) {
    return all.filter(p -> p.toString().endsWith(suffix)).sorted().toList();
  }
}

FileTime newest(List<Path> files) throws IOException {
  FileTime newest = FileTime.fromMillis(0);
  for (Path file : files) {
    FileTime t = Files.getLastModifiedTime(file);
    newest = t.compareTo(newest) > 0 ? t : newest;
  }
  return newest;
}

String name(Path source) {
  return source.getFileName().toString().replace(".cu", "");
}

void say(String line) {
  System.out.println("[cuda] " + line);
}

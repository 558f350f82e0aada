import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/*
 * Makes transformer/target/quern-VERSION-linux-x86_64.tar.gz, which needs no JDK where it is unpacked:
 *
 *   bin/quern             the launcher of a checkout, which finds runtime/ beside itself
 *   bin/quern-gpu-tests   the tests that are tagged gpu
 *   bin/quern-gpu-bench   measures kernels and models on a GPU
 *   bin/gpu.sh            all of that in a few calls, for a machine that is lent for half an hour
 *   lib/                  the jars, with C kernels, CUDA kernels and JCuda's glue in them
 *   bench/                what is measured, and its counterpart in PyTorch
 *   tests/                JUnit's console, the tests' classes in a jar, and the files they map
 *   runtime/              a JDK with the modules named below
 *
 * The jars are on the class path: JCuda is an automatic module, which jlink refuses. Then it unpacks the archive elsewhere and
 * looks whether it works without any variable of this environment. What is left out or too large is an error.
 */

static final long LIMIT_BYTES = 44_000_000;
static final String PLATFORM = "linux-x86_64";

/** What the jars and JUnit use (jdeps), and what they look up by name. */
static final List<String> MODULES =
    List.of(
        "java.base",
        "java.logging", // JUnit
        "java.xml", // JUnit's reports
        "jdk.incubator.vector",
        "jdk.jfr",
        "jdk.management", // the machine's memory
        "jdk.unsupported", // sun.misc.Unsafe, which Jackson and flatbuffers look for
        "jdk.zipfs"); // JUnit looks for tests in a jar

/** What only tools of another JDK, and connections, which nothing here makes, would read. */
static final List<String> UNREAD =
    List.of("lib/jrt-fs.jar", "lib/security/cacerts", "lib/security/public_suffix_list.dat");

/** The test classes that GPU tests consist of. */
static final List<String> CUDA_TESTS = List.of("dev/quern/kernels/cuda/");

static final List<String> MODEL_TESTS =
    List.of(
        "dev/quern/transformer/device/",
        "dev/quern/transformer/Golden",
        "dev/quern/transformer/Engines");

/** Of classes, not of devices; they need ArchUnit. */
static final List<String> NOT_WANTED = List.of("ArchitectureTest", "PackageLadder");

/** What quern-gpu-bench consists of: of the benchmarks, what needs no JMH. */
static final List<String> BENCHMARKS =
    List.of("dev/quern/bench/gpu/", "dev/quern/bench/RandomDecoder");

static final String GOLDEN = "dev/quern/transformer/golden";

/** What there must be to start with; each is a line of the error. */
static final List<String> PARTS =
    List.of(
        "native/target/classes/dev/quern/kernels/ffm/lib/" + PLATFORM,
        "kernels-cuda/target/classes/dev/quern/kernels/cuda/fatbin.version",
        "engine-core/target/test-classes/dev/quern/testkit",
        "kernels-cuda/target/test-classes/dev/quern/kernels/cuda",
        "transformer/target/test-classes/dev/quern/transformer/device",
        "benchmarks/target/classes/dev/quern/bench/gpu",
        "transformer/target/lib",
        "transformer/target/junit-console");

void main(String[] arguments) throws Exception {
  Path module = Path.of(arguments[0]).toAbsolutePath().normalize();
  String version = arguments[1];
  Path root = module.getParent();
  Path target = module.resolve("target");
  require(root);
  String name = "quern-" + version + "-" + PLATFORM;
  Path work = target.resolve("bundle");
  Path bundle = work.resolve(name);
  delete(work);
  Files.createDirectories(bundle);

  copyJars(target, bundle.resolve("lib"));
  copyTests(root, bundle.resolve("tests"));
  copyBenchmarks(root, bundle.resolve("bench"), version);
  for (String script :
      List.of(
          "bin/quern", ".build/quern-gpu-tests", ".build/quern-gpu-bench", "benchmarks/gpu.sh")) {
    Path to = bundle.resolve("bin").resolve(Path.of(script).getFileName());
    Files.createDirectories(to.getParent());
    Files.copy(root.resolve(script), to, StandardCopyOption.COPY_ATTRIBUTES);
  }
  Files.copy(root.resolve("LICENSE"), bundle.resolve("LICENSE"));
  checkClasses(bundle);
  linkRuntime(bundle.resolve("runtime"));

  Path archive = target.resolve(name + ".tar.gz");
  run(
      work,
      List.of(
          "tar",
          "--sort=name",
          "--owner=0",
          "--group=0",
          "-I",
          "gzip -9",
          "-cf",
          archive.toString(),
          name));
  long bytes = Files.size(archive);
  if (bytes >= LIMIT_BYTES) {
    fail("%s has %,d bytes, and the limit is %,d".formatted(archive, bytes, LIMIT_BYTES));
  }
  delete(bundle);
  tryOut(work, archive, name);
  delete(work);
  say("%s: %.1f MB".formatted(root.relativize(archive), bytes / 1e6));
}

void require(Path root) {
  String here = System.getProperty("os.name").toLowerCase() + "-" + System.getProperty("os.arch");
  if (!here.equals("linux-amd64")) {
    fail("it is made on " + PLATFORM + " alone, and this is " + here);
  }
  List<String> missing = PARTS.stream().filter(p -> !Files.exists(root.resolve(p))).toList();
  if (!missing.isEmpty()) {
    fail(
        "not built: "
            + missing
            + "; it takes a C compiler, CMake and nvcc, and test classes (-DskipTests makes them,"
            + " -Dmaven.test.skip doesn't)");
  }
}

void copyJars(Path target, Path lib) throws IOException {
  Files.createDirectories(lib);
  List<Path> jars = new ArrayList<>(files(target.resolve("lib"), ".jar"));
  for (Path jar : files(target, ".jar")) {
    String name = jar.getFileName().toString();
    if (name.startsWith("quern-transformer-")
        && !name.matches(".*-(tests|sources|javadoc)\\.jar")) {
      jars.add(jar);
    }
  }
  for (Path jar : jars) {
    store(jar, lib.resolve(jar.getFileName()));
  }
}

/**
 * The same jar uncompressed, which the archive then compresses as a whole; without the libraries of
 * CUDA's compiler, most of JCuda's, which nobody calls.
 */
void store(Path jar, Path to) throws IOException {
  try (var in = new ZipFile(jar.toFile());
      var out = new ZipOutputStream(Files.newOutputStream(to))) {
    out.setMethod(ZipOutputStream.STORED);
    for (ZipEntry entry : Collections.list(in.entries())) {
      String name = entry.getName();
      boolean unused = name.matches("lib/lib(JNvPTXCompiler|JNvrtc|JCudaRuntime)-.*\\.so");
      if (unused || entry.isDirectory()) {
        continue;
      }
      ZipEntry stored = new ZipEntry(name);
      stored.setSize(entry.getSize());
      stored.setCrc(entry.getCrc());
      stored.setLastModifiedTime(entry.getLastModifiedTime());
      out.putNextEntry(stored);
      try (InputStream bytes = in.getInputStream(entry)) {
        bytes.transferTo(out);
      }
      out.closeEntry();
    }
  }
}

/** Classes in a jar; golden models as files, because models are mapped. */
void copyTests(Path root, Path tests) throws IOException {
  Files.createDirectories(tests);
  for (Path jar : files(root.resolve("transformer/target/junit-console"), ".jar")) {
    store(jar, tests.resolve(jar.getFileName()));
  }
  try (var jar = new JarOutputStream(Files.newOutputStream(tests.resolve("quern-gpu-tests.jar")))) {
    add(jar, root.resolve("engine-core/target/test-classes"), List.of("dev/quern/testkit/"));
    add(jar, root.resolve("kernels-cuda/target/test-classes"), CUDA_TESTS);
    add(jar, root.resolve("transformer/target/test-classes"), MODEL_TESTS);
  }
  Path golden = root.resolve("transformer/target/test-classes").resolve(GOLDEN);
  try (Stream<Path> all = Files.walk(golden)) {
    for (Path file : (Iterable<Path>) all.filter(Files::isRegularFile)::iterator) {
      Path to = tests.resolve("files").resolve(GOLDEN).resolve(golden.relativize(file).toString());
      Files.createDirectories(to.getParent());
      Files.copy(file, to);
    }
  }
}

void copyBenchmarks(Path root, Path bench, String version) throws IOException {
  Files.createDirectories(bench);
  Manifest manifest = new Manifest();
  manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
  manifest.getMainAttributes().put(Attributes.Name.IMPLEMENTATION_VERSION, version);
  Path to = bench.resolve("quern-gpu-bench.jar");
  try (var jar = new JarOutputStream(Files.newOutputStream(to), manifest)) {
    add(jar, root.resolve("benchmarks/target/classes"), BENCHMARKS);
  }
  for (String peer : List.of("gpu_torch.py", "gpu_torch_models.py")) {
    Files.copy(root.resolve("benchmarks").resolve(peer), bench.resolve(peer));
  }
}

void add(JarOutputStream jar, Path classes, List<String> prefixes) throws IOException {
  try (Stream<Path> all = Files.walk(classes)) {
    for (Path file : (Iterable<Path>) all.filter(Files::isRegularFile).sorted()::iterator) {
      String name = classes.relativize(file).toString();
      boolean wanted = prefixes.stream().anyMatch(name::startsWith) && name.endsWith(".class");
      if (wanted && NOT_WANTED.stream().noneMatch(name::contains)) {
        jar.putNextEntry(new JarEntry(name));
        Files.copy(file, jar);
        jar.closeEntry();
      }
    }
  }
}

/** That tests and benchmarks find every class they name, and that no module is missing. */
void checkClasses(Path bundle) throws Exception {
  List<Path> jars = new ArrayList<>(files(bundle.resolve("lib"), ".jar"));
  jars.addAll(files(bundle.resolve("tests"), ".jar"));
  String classPath = String.join(":", jars.stream().map(Path::toString).toList());
  for (String jar : List.of("tests/quern-gpu-tests.jar", "bench/quern-gpu-bench.jar")) {
    List<String> jdeps =
        List.of(tool("jdeps"), "--multi-release", "base", "--missing-deps", "-cp", classPath);
    String found = run(bundle, with(jdeps, bundle.resolve(jar).toString()));
    if (found.contains("not found")) {
      fail(jar + " names classes that are not in the bundle:\n" + found);
    }
  }
}

/** Uncompressed, as jars are, and without the symbols that only a debugger of the JVM looks at. */
void linkRuntime(Path runtime) throws Exception {
  run(
      runtime.getParent(),
      List.of(
          tool("jlink"),
          "--add-modules",
          String.join(",", MODULES),
          "--compress",
          "zip-0",
          "--strip-debug",
          "--no-header-files",
          "--no-man-pages",
          "--output",
          runtime.toString()));
  for (String file : UNREAD) {
    Files.delete(runtime.resolve(file));
  }
  String jvm = runtime.resolve("lib/server/libjvm.so").toString();
  run(runtime, List.of("strip", "--strip-unneeded", jvm));
}

/** As somebody does who unpacked it and has nothing else. */
void tryOut(Path work, Path archive, String name) throws Exception {
  run(work, List.of("tar", "-xf", archive.toString()));
  Path home = Files.createDirectory(work.resolve("home"));
  List<String> bare = List.of("env", "-i", "PATH=/usr/bin:/bin", "HOME=" + home);
  String quern = work.resolve(name).resolve("bin/quern").toString();
  String devices = run(work, with(bare, quern, "devices"));
  for (String expected : List.of("native", "vector", "cuda")) {
    if (!devices.contains(expected)) {
      fail("`bin/quern devices` of the bundle does not tell about " + expected + ":\n" + devices);
    }
  }
  String text = run(work, with(bare, quern, "generate", "-p", "ROMEO:", "-n", "8"));
  if (text.isBlank()) {
    fail("`bin/quern generate` of the bundle printed nothing");
  }
  String tests = run(work, with(bare, work.resolve(name) + "/bin/quern-gpu-tests", "--list"));
  String all = Files.readString(work.resolve(name).resolve("bin/gpu.sh"));
  List<String> named =
      Pattern.compile("Gpu\\w+Test").matcher(all).results().map(MatchResult::group).toList();
  for (String expected : with(named, "GpuConformanceTest", "GpuBackendTest", "GpuModelsTest")) {
    if (!tests.contains(expected)) {
      fail("`bin/quern-gpu-tests` of the bundle does not find " + expected + ":\n" + tests);
    }
  }
  tryBenchmarks(work, name, bare);
}

/** All that is measured on a GPU, at tiny sizes on the processor. */
void tryBenchmarks(Path work, String name, List<String> bare) throws Exception {
  String bench = work.resolve(name).resolve("bin/quern-gpu-bench").toString();
  Path figures = Files.createDirectory(work.resolve("figures"));
  Path ours = figures.resolve("quern.jsonl");
  run(work, with(bare, bench, "--small", "--device", "cpu", "--json", ours.toString()));
  Files.copy(ours, figures.resolve("torch.jsonl"));
  String all = work.resolve(name).resolve("bin/gpu.sh").toString();
  run(work, with(bare, all, figures.toString(), "table"));
  String joined = Files.readString(figures.resolve("table.md"));
  String first = joined.lines().findFirst().orElse("");
  if (!first.matches("Quern: program .*, date .*, device .*")) {
    fail("the table of `bin/gpu.sh` does not begin with what was measured on: " + first);
  }
  Stream<String> lines = run(work, with(bare, bench, "--list")).lines();
  List<String> sections = lines.filter(l -> l.matches("[a-z]+ .*")).toList(); // no warnings
  if (sections.isEmpty()) {
    fail("`bin/quern-gpu-bench --list` of the bundle lists nothing");
  }
  String steps = run(work, with(bare, all, "--list"));
  String timings =
      steps.lines().filter(l -> l.startsWith("timings: ")).findFirst().orElse("timings: ");
  List<String> measured = List.of(timings.split(" +"));
  for (String section : sections) {
    String title = "### " + section.replaceFirst(" .*", "");
    if (!measured.contains(title.substring(4))) {
      fail("`bin/gpu.sh` of the bundle does not measure " + title);
    }
    if (!joined.contains(title + "\n")) {
      fail("`bin/quern-gpu-bench` of the bundle measured nothing of " + title + ":\n" + joined);
    }
  }
}

List<String> with(List<String> command, String... more) {
  List<String> all = new ArrayList<>(command);
  all.addAll(List.of(more));
  return all;
}

String tool(String name) {
  return Path.of(System.getProperty("java.home"), "bin", name).toString();
}

/** What the command prints; one that fails ends the build with it. */
String run(Path folder, List<String> command) throws Exception {
  Process process =
      new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).start();
  process.getOutputStream().close();
  String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  if (process.waitFor() != 0) {
    fail("failed: " + String.join(" ", command) + "\n" + text);
  }
  return text;
}

List<Path> files(Path folder, String suffix) throws IOException {
  try (Stream<Path> all = Files.list(folder)) {
    return all.filter(p -> p.toString().endsWith(suffix)).sorted().toList();
  }
}

void delete(Path folder) throws IOException {
  if (!Files.exists(folder)) {
    return;
  }
  try (Stream<Path> paths = Files.walk(folder)) {
    for (Path path : (Iterable<Path>) paths.sorted(Comparator.reverseOrder())::iterator) {
      path.toFile().setWritable(true);
      Files.delete(path);
    }
  }
}

void fail(String why) {
  System.err.println("bundle: " + why);
  System.exit(1);
}

void say(String line) {
  System.out.println("[bundle] " + line);
}

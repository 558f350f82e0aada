import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/*
 * Builds and tests the C kernels with CMake. The contract with native/src/main/c/CMakeLists.txt:
 *
 *   -DCMAKE_C_COMPILER=...      the compiler chosen here: CC, or the first of gcc >= 12 and clang >= 14
 *   -DCMAKE_INSTALL_PREFIX=...  the resource folder of the platform; the shared libraries are installed straight into it
 *   -DQUERN_BUILD_TESTS=ON      also build the test programs and register them with ctest
 *   -DQUERN_SANITIZE=ON         build libraries and tests with ASan and UBSan (profile sanitize; nothing is installed)
 *
 * Without a compiler or CMake one line says so and the build goes on: the native provider then reports itself as not
 * usable. A build that fails although both are there is an error.
 */

static final int GCC_MINIMUM = 12;
static final int CLANG_MINIMUM = 14;

record Compiler(String path, String description) {}

void main(String[] arguments) throws Exception {
  String command = arguments[0];
  Path module = Path.of(arguments[1]).toAbsolutePath();
  switch (command) {
    case "build" -> build(module, !Boolean.parseBoolean(arguments[2]));
    case "test" -> test(module, module.resolve("target/cmake"), "TEST-native-c.xml");
    case "sanitize" -> sanitize(module);
    default -> throw new IllegalArgumentException("unknown command " + command);
  }
}

/** Builds and installs the library; the test programs only if they are to run. */
void build(Path module, boolean tests) throws Exception {
  Path libraries = module.resolve("target/classes/dev/quern/kernels/ffm/lib");
  Path binaries = module.resolve("target/cmake");
  Optional<Compiler> compiler = requirements("C kernels");
  if (compiler.isEmpty()) {
    delete(libraries);
    delete(binaries);
    return;
  }
  Path installed = libraries.resolve(platform());
  configure(module, binaries, compiler.get(), "Release", tests, false, installed);
  run(binaries, "cmake", "--build", binaries.toString(), "--parallel", processors());
  delete(installed);
  run(binaries, "cmake", "--install", binaries.toString());
  try (var files = Files.list(installed)) {
    List<String> names = files.map(p -> p.getFileName().toString()).sorted().toList();
    say(
        "C kernels for "
            + platform()
            + " built with "
            + compiler.get().description()
            + ": "
            + names);
  }
}

void sanitize(Path module) throws Exception {
  Path binaries = module.resolve("target/cmake-sanitize");
  Optional<Compiler> compiler = requirements("sanitizer tests");
  if (compiler.isEmpty()) {
    throw new IllegalStateException("the profile sanitize needs CMake and a C compiler");
  }
  Path installed = binaries.resolve("install");
  configure(module, binaries, compiler.get(), "RelWithDebInfo", true, true, installed);
  run(binaries, "cmake", "--build", binaries.toString(), "--parallel", processors());
  test(module, binaries, "TEST-native-c-sanitized.xml");
}

void test(Path module, Path binaries, String report) throws Exception {
  if (!Files.exists(binaries.resolve("CMakeCache.txt"))) {
    return;
  }
  Path reports = module.resolve("target/ctest-reports");
  Files.createDirectories(reports);
  run(
      binaries,
      "ctest",
      "--test-dir",
      binaries.toString(),
      "--output-on-failure",
      "--no-tests=error",
      "--output-junit",
      reports.resolve(report).toString());
}

void configure(
    Path module,
    Path binaries,
    Compiler compiler,
    String type,
    boolean tests,
    boolean sanitize,
    Path prefix)
    throws Exception {
  // CMake keeps the first compiler of a build folder for ever: a changed one needs a fresh folder.
  Path chosen = binaries.resolve("compiler.txt");
  String signature = compiler.path() + " " + compiler.description();
  if (!Files.exists(chosen) || !Files.readString(chosen).equals(signature)) {
    delete(binaries);
  }
  Files.createDirectories(binaries);
  var command = new ArrayList<String>();
  command.addAll(List.of("cmake", "-S", module.resolve("src/main/c").toString()));
  command.addAll(List.of("-B", binaries.toString(), "-DCMAKE_BUILD_TYPE=" + type));
  command.add("-DCMAKE_C_COMPILER=" + compiler.path());
  command.add("-DCMAKE_INSTALL_PREFIX=" + prefix);
  command.add("-DQUERN_BUILD_TESTS=" + (tests ? "ON" : "OFF"));
  command.add("-DQUERN_SANITIZE=" + (sanitize ? "ON" : "OFF"));
  run(binaries, command.toArray(String[]::new));
  Files.writeString(chosen, signature);
}

/** The compiler, or empty after one line that says what is missing and what that means. */
Optional<Compiler> requirements(String what) throws Exception {
  Optional<Compiler> compiler = findCompiler();
  String consequence = "; everything else builds and runs without them";
  if (compiler.isEmpty()) {
    say(
        "%s left out: no C compiler found (gcc >= %d or clang >= %d; the variable CC names another)%s"
            .formatted(what, GCC_MINIMUM, CLANG_MINIMUM, consequence));
    return Optional.empty();
  }
  if (output("cmake", "--version").isEmpty()) {
    String found = compiler.get().description();
    say("%s left out: CMake not found (compiler: %s)%s".formatted(what, found, consequence));
    return Optional.empty();
  }
  return compiler;
}

Optional<Compiler> findCompiler() throws Exception {
  String named = System.getenv("CC");
  var candidates = new ArrayList<String>();
  if (named != null && !named.isBlank()) {
    candidates.add(named.strip());
  } else {
    candidates.addAll(List.of("gcc", "clang", "cc"));
    for (int version = 24; version >= CLANG_MINIMUM; version--) {
      candidates.add("clang-" + version);
    }
    for (int version = 18; version >= GCC_MINIMUM; version--) {
      candidates.add("gcc-" + version);
    }
  }
  for (String candidate : candidates) {
    String text = output(candidate, "--version").orElse("");
    boolean clang = text.contains("clang");
    Matcher number = Pattern.compile("(\\d+)\\.\\d+(\\.\\d+)?").matcher(text);
    if (number.find()) {
      int major = Integer.parseInt(number.group(1));
      if (major >= (clang ? CLANG_MINIMUM : GCC_MINIMUM)) {
        return Optional.of(new Compiler(candidate, (clang ? "clang " : "gcc ") + number.group()));
      }
    }
  }
  return Optional.empty();
}

String processors() {
  return Integer.toString(Runtime.getRuntime().availableProcessors());
}

String platform() {
  String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
  String os = system.startsWith("mac") ? "macos" : system.startsWith("win") ? "windows" : system;
  String machine = System.getProperty("os.arch");
  return os + "-" + (machine.equals("amd64") ? "x86_64" : machine);
}

/** What the command prints, or empty if it cannot be started or fails. */
Optional<String> output(String... command) throws InterruptedException {
  try {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return process.waitFor() == 0 ? Optional.of(text) : Optional.empty();
  } catch (IOException e) {
    return Optional.empty();
  }
}

/** Runs the command quietly; when it fails its output is shown and the build stops. */
void run(Path folder, String... command) throws Exception {
  Files.createDirectories(folder);
  ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
  // Only read by programs built with the sanitizers: the first finding fails the test.
  builder.environment().put("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1");
  Process process = builder.start();
  process.getOutputStream().close();
  String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  if (process.waitFor() != 0) {
    System.err.println(text);
    System.err.println("native: failed: " + String.join(" ", command));
    System.exit(1);
  }
}

void delete(Path folder) throws IOException {
  if (!Files.exists(folder)) {
    return;
  }
  try (var paths = Files.walk(folder)) {
    for (Path path : (Iterable<Path>) paths.sorted(Comparator.reverseOrder())::iterator) {
      Files.delete(path);
    }
  }
}

void say(String line) {
  System.out.println("[native] " + line);
}

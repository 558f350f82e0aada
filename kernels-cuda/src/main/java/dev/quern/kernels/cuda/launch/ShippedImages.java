package dev.quern.kernels.cuda.launch;

import dev.quern.core.spi.Probe;
import dev.quern.core.type.DeviceException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The kernels that are in the jar, as resources of {@code /dev/quern/kernels/cuda}: compiled ones
 * ({@code NAME.fatbin}, by the CUDA version that {@code fatbin.version} names, such as {@code
 * 13.0}), and sources ({@code NAME.cu} and headers), which NVRTC compiles for other drivers.
 *
 * <p>Which drivers take the compiled ones is as CUDA documents its compatibility: those of a newer
 * major version all of it; those of the same one, whatever the minor version, machine code of the
 * device's architecture ({@code fatbin.targets} lists it, such as {@code sm_80 sm_90}), and PTX,
 * the rest of it, if the minor version is not older; older major versions nothing.
 *
 * <p>What is called {@code NAME_hopper} runs on compute capability 9.0 alone, whose own
 * instructions it has.
 */
public final class ShippedImages implements ModuleImages {
  private static final String FOLDER = "/dev/quern/kernels/cuda/";
  private static final Pattern INCLUDE = Pattern.compile("(?m)^#include \"([\\w.]+)\"");
  private static final String HOPPER = "_hopper"; // ends the names of modules for sm_90a
  private static final int MAJOR = 1000;
  private static final int MINOR = 10;

  /** Looks a resource up. */
  interface Resources {
    /** The bytes of a file, or null if there is none. */
    byte @Nullable [] find(String name);
  }

  private final Resources resources;
  private final int driverVersion;
  private final String architecture;
  private final Supplier<Optional<RuntimeCompiler>> compiler;

  /**
   * The jar's kernels.
   *
   * @param driverVersion as {@code CudaDriver.version} says it
   * @param major compute capability of the device
   * @param minor compute capability of the device
   */
  public ShippedImages(int driverVersion, int major, int minor) {
    this(
        ShippedImages::resource,
        driverVersion,
        "sm_" + major + minor,
        () -> Nvrtc.find(driverVersion / MAJOR));
  }

  ShippedImages(
      Resources resources,
      int driverVersion,
      String architecture,
      Supplier<Optional<RuntimeCompiler>> compiler) {
    this.resources = resources;
    this.driverVersion = driverVersion;
    this.architecture = architecture;
    this.compiler = compiler;
  }

  private static byte @Nullable [] resource(String name) {
    try (InputStream in = ShippedImages.class.getResourceAsStream(FOLDER + name)) {
      return in == null ? null : in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private @Nullable String text(String name) {
    byte[] bytes = resources.find(name);
    return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8).strip();
  }

  @Override
  public byte[] image(String module) {
    byte[] fatbin = isForThisDriver() ? resources.find(module + ".fatbin") : null;
    return fatbin == null ? compile(module) : fatbin;
  }

  private boolean isForThisDriver() {
    String text = text("fatbin.version");
    if (text == null) {
      return false;
    }
    int built = version(text);
    boolean sameMajor = built / MAJOR == driverVersion / MAJOR;
    return built <= driverVersion || (sameMajor && hasMachineCode());
  }

  /** Whether the images have more than PTX for the device. */
  private boolean hasMachineCode() {
    String targets = text("fatbin.targets");
    for (String t : targets == null ? new String[0] : targets.split("\\s+")) {
      if (t.equals(architecture) || t.equals(architecture + "a") || runsHere(t)) {
        return true;
      }
    }
    return false;
  }

  /** Machine code runs on later devices of its major architecture, unless it is for one alone. */
  private boolean runsHere(String target) {
    int last = target.length() - 1;
    return target.length() == architecture.length()
        && target.regionMatches(0, architecture, 0, last)
        && Character.isDigit(target.charAt(last))
        && target.charAt(last) <= architecture.charAt(last);
  }

  @Override
  public Optional<Probe.Refused> refusal() {
    return isForThisDriver() || compiler.get().isPresent()
        ? Optional.empty()
        : Optional.of(refused());
  }

  /** As the driver says its own: 1000 · major + 10 · minor. */
  private static int version(String text) {
    String[] parts = text.split("\\.", 2);
    return MAJOR * Integer.parseInt(parts[0])
        + (parts.length < 2 ? 0 : MINOR * Integer.parseInt(parts[1]));
  }

  private byte[] compile(String module) {
    String source = text(module + ".cu");
    if (source == null) {
      throw new DeviceException(
          "[cuda] the module '%s' is neither compiled nor a source in this installation; check that the jar of quern-kernels-cuda is complete"
              .formatted(module));
    }
    RuntimeCompiler nvrtc = compiler.get().orElseThrow(this::exception);
    String exactly = module.endsWith(HOPPER) ? architecture + "a" : architecture;
    return nvrtc.compile(module + ".cu", source, headers(source), exactly);
  }

  /** All that a source includes, and what that includes. */
  private Map<String, String> headers(String source) {
    Map<String, String> headers = new LinkedHashMap<>();
    Deque<String> open = new ArrayDeque<>();
    open.add(source);
    while (!open.isEmpty()) {
      Matcher include = INCLUDE.matcher(open.remove());
      while (include.find()) {
        String name = include.group(1);
        String text = text(name);
        if (text != null && headers.putIfAbsent(name, text) == null) {
          open.add(text);
        }
      }
    }
    return headers;
  }

  private Probe.Refused refused() {
    String built = text("fatbin.version");
    int major = driverVersion / MAJOR;
    String driver = "CUDA " + major + "." + driverVersion % MAJOR / MINOR;
    String nvrtc = "NVRTC " + major + " (libnvrtc.so." + major + "), which compiles their sources";
    if (built == null) {
      return new Probe.Refused(
          "the kernels are not compiled in this build, which had no nvcc, and nothing compiles"
              + " their sources for the driver's "
              + driver,
          "build with nvcc, or install " + nvrtc);
    }
    String ptx =
        version(built) / MAJOR == major
            ? ", as PTX alone for " + architecture + ", which no older driver takes"
            : "";
    return new Probe.Refused(
        "the kernels were compiled with CUDA " + built + ptx + ", and the driver serves " + driver,
        "update the driver, or install " + nvrtc);
  }

  private DeviceException exception() {
    Probe.Refused r = refused();
    return new DeviceException("[cuda] " + r.reason() + "; " + r.remedy());
  }
}

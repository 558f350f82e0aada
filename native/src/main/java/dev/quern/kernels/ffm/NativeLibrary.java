package dev.quern.kernels.ffm;

import dev.quern.core.spi.Probe;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Finds, unpacks and opens the library, once per process, and remembers the answer.
 *
 * @param functions the kernels, or null if there are none here
 * @param probe the same as an answer to a person
 */
record NativeLibrary(@Nullable Functions functions, Probe probe) {

  private static final class Holder {
    static final NativeLibrary SHARED = load();
  }

  /** The process's library. */
  static NativeLibrary shared() {
    return Holder.SHARED;
  }

  private static NativeLibrary refused(String reason, String remedy) {
    return new NativeLibrary(null, new Probe.Refused(reason, remedy));
  }

  /** Tries once more, from the current system properties. Never throws. */
  static NativeLibrary load() {
    String wanted = System.getProperty(Tier.PROPERTY);
    Tier cap = wanted == null ? Tier.AMX : Tier.named(wanted);
    if (cap == null) {
      String tiers =
          Arrays.stream(Tier.values()).map(Tier::suffix).collect(Collectors.joining(", "));
      return refused(
          "-D%s=%s names no tier".formatted(Tier.PROPERTY, wanted),
          "take one of " + tiers + ", or leave it out");
    }
    Platform platform = Platform.current();
    byte[] contents;
    try (InputStream in = NativeLibrary.class.getResourceAsStream(platform.resource())) {
      if (in == null) {
        return refused(
            "no library for %s is packaged".formatted(platform),
            "build the module native on this platform with CMake and gcc 12 or clang 14 (or"
                + " newer)");
      }
      contents = in.readAllBytes();
    } catch (IOException e) {
      return refused("the packaged library can't be read (" + e + ")", "check the jar");
    }
    return open(platform, contents, cap, LibraryFile.candidates());
  }

  /** Unpacks to the first folder that works, and opens. */
  static NativeLibrary open(Platform platform, byte[] contents, Tier cap, List<Path> folders) {
    List<String> failures = new ArrayList<>();
    String name = Objects.requireNonNull(Path.of(platform.resource()).getFileName()).toString();
    for (Path folder : folders) {
      try {
        Path file = LibraryFile.unpack(folder, name, contents);
        Functions functions = Functions.of(Calls.open(file), cap);
        String capped = cap == Tier.AMX ? "" : " (capped by -D" + Tier.PROPERTY + ")";
        return new NativeLibrary(
            functions, new Probe.Usable(functions.describe() + capped + ", " + file));
      } catch (IOException | RuntimeException | LinkageError e) {
        if (isDenied(e)) {
          return refused(
              "native access is denied to this module",
              "start java with --enable-native-access=dev.quern.kernels.ffm (module path) or"
                  + " --enable-native-access=ALL-UNNAMED (class path)");
        }
        failures.add(folder + ": " + e.getMessage());
      }
    }
    return refused(
        "the library can't be unpacked and opened: " + String.join("; ", failures),
        "name a private folder on a file system that allows execution: -D"
            + LibraryFile.PROPERTY
            + "=FOLDER");
  }

  /** Whether the cause is the JVM's refusal of a restricted call. */
  private static boolean isDenied(Throwable e) {
    for (Throwable t = e; t != null; t = t.getCause()) {
      if (t instanceof IllegalCallerException) {
        return true;
      }
    }
    return false;
  }
}

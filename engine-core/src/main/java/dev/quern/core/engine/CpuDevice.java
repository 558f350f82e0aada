package dev.quern.core.engine;

import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.Backend;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/** The host processor and its memory. */
final class CpuDevice implements DeviceProvider {
  @Override
  public String kind() {
    return "cpu";
  }

  @Override
  public Probe probe() {
    return new Probe.Usable(model());
  }

  @Override
  public List<Found> devices() {
    String description =
        model() + ", " + Runtime.getRuntime().availableProcessors() + " processors";
    return List.of(new Found(Device.CPU, description, memoryBytes()));
  }

  /** For who asks without an engine; an engine's own has the kernels that the engine was given. */
  @Override
  public Backend open(Device device) {
    return new CpuBackend(KernelRegistry.load(kind(), new ReferenceProvider()));
  }

  private static String model() {
    return first(
        "/proc/cpuinfo", "model name", s -> s, System.getProperty("os.arch") + " processor");
  }

  private static long memoryBytes() {
    return first("/proc/meminfo", "MemTotal", s -> Long.parseLong(s.split(" ", 2)[0]) << 10, 0L);
  }

  /**
   * The value of a key in a file of {@code key : value} lines, where the system has such a file.
   */
  private static <T> T first(String file, String key, Function<String, T> parse, T otherwise) {
    Path path = Path.of(file);
    if (!Files.isReadable(path)) {
      return otherwise;
    }
    try (Stream<String> lines = Files.lines(path)) {
      return lines
          .filter(l -> l.startsWith(key))
          .map(l -> parse.apply(l.substring(l.indexOf(':') + 1).trim()))
          .findFirst()
          .orElse(otherwise);
    } catch (IOException e) {
      return otherwise;
    }
  }
}

package dev.quern.transformer.model;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.LongSupplier;

/**
 * How much memory the machine, or the container that the process is in, has, and how much of it can
 * still be taken without driving others out. Pages of files count as available, where the system
 * tells them apart; in a container with a limit of its own they don't.
 */
final class AvailableMemory {
  private final Path machine;
  private final LongSupplier total;
  private final LongSupplier free;

  /**
   * Of given sources.
   *
   * @param machine {@code /proc/meminfo}, or a file that is not there
   * @param total bytes of the machine or the container
   * @param free bytes of it that nothing is in
   */
  AvailableMemory(Path machine, LongSupplier total, LongSupplier free) {
    this.machine = machine;
    this.total = total;
    this.free = free;
  }

  /** That of this process. */
  static AvailableMemory here() {
    Path machine = Path.of("/proc/meminfo");
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? new AvailableMemory(machine, system::getTotalMemorySize, system::getFreeMemorySize)
        : new AvailableMemory(machine, () -> 0, () -> 0);
  }

  /** Bytes of the machine or the container; 0 if unknown. */
  long total() {
    return total.getAsLong();
  }

  /** Bytes that can still be taken; 0 if unknown. */
  long available() {
    List<String> lines = lines();
    OptionalLong all = field(lines, "MemTotal:");
    OptionalLong available = field(lines, "MemAvailable:");
    if (all.isEmpty() || available.isEmpty()) {
      return free.getAsLong();
    }
    boolean limited = total() < all.getAsLong();
    return limited ? Math.min(available.getAsLong(), free.getAsLong()) : available.getAsLong();
  }

  private List<String> lines() {
    try {
      return Files.readAllLines(machine);
    } catch (IOException _) {
      return List.of(); // another system, or a sandbox
    }
  }

  private static OptionalLong field(List<String> lines, String name) {
    for (String line : lines) {
      if (line.startsWith(name) && line.endsWith(" kB")) {
        String number = line.substring(name.length(), line.length() - 3).strip();
        try {
          return OptionalLong.of(Math.multiplyExact(Long.parseLong(number), 1024L));
        } catch (NumberFormatException | ArithmeticException _) {
          return OptionalLong.empty();
        }
      }
    }
    return OptionalLong.empty();
  }
}

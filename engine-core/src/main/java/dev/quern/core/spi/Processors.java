package dev.quern.core.spi;

import dev.quern.core.type.QuernException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.HashSet;
import java.util.Set;

/**
 * How many threads should compute, unless somebody says otherwise: one for each core that this
 * process may use.
 *
 * <p>Two hyper-threads of a core share its vector and tile units and its way to memory, which one
 * thread fills already; a second one only makes slices wait for each other. Which processors belong
 * to a core, and which of them the process may use, Linux tells in files; a container's limit is in
 * {@link Runtime#availableProcessors}. Elsewhere that number alone counts.
 *
 * <p>Cores of all memory nodes count: threads are not bound to processors, and a model's pages lie
 * where they were read first. Bind the process ({@code numactl --cpunodebind=0 --membind=0}) to
 * have one node's cores and memory; the number follows.
 *
 * @param threads at least 1
 * @param reason why so many, for people
 */
public record Processors(int threads, String reason) {
  /**
   * Looks at this machine.
   *
   * @return what is best here
   */
  public static Processors here() {
    return of(Path.of("/"), Runtime.getRuntime().availableProcessors());
  }

  /**
   * Looks at a machine.
   *
   * @param root where {@code sys} and {@code proc} are
   * @param available how many processors' time the process may use
   */
  static Processors of(Path root, int available) {
    Path system = root.resolve("sys/devices/system");
    try {
      BitSet allowed = allowed(root.resolve("proc/self/status"));
      Set<BitSet> cores = new HashSet<>();
      for (int cpu = allowed.nextSetBit(0); cpu >= 0; cpu = allowed.nextSetBit(cpu + 1)) {
        Path siblings = system.resolve("cpu/cpu" + cpu + "/topology/thread_siblings_list");
        cores.add(list(Files.readString(siblings)));
      }
      int threads = Math.max(1, Math.min(available, cores.size()));
      return new Processors(
          threads, reason(allowed.cardinality(), cores.size(), available, nodes(system, allowed)));
    } catch (IOException | QuernException e) {
      return new Processors(
          available, "one for each of " + count(available, "processor") + "; cores are unknown");
    }
  }

  private static String reason(int processors, int cores, int available, int nodes) {
    StringBuilder s = new StringBuilder("one for each of ").append(count(cores, "core"));
    if (available < cores) {
      s.setLength(0);
      s.append("a limit of ").append(count(available, "processor"));
      s.append(" on ").append(count(cores, "core"));
    }
    if (processors > cores) {
      s.append(", which run ").append(processors).append(" hyper-threads");
    }
    if (nodes > 1) {
      s.append(", in ").append(nodes).append(" memory nodes; threads are not bound to them");
    }
    return s.toString();
  }

  private static String count(int n, String what) {
    return n + " " + what + (n == 1 ? "" : "s");
  }

  /** The processors that the process may run on. */
  private static BitSet allowed(Path status) throws IOException {
    for (String line : Files.readAllLines(status)) {
      if (line.startsWith("Cpus_allowed_list:")) {
        return list(line.substring(line.indexOf(':') + 1));
      }
    }
    throw new QuernException(status + " has no line Cpus_allowed_list");
  }

  /** Memory nodes that have processors of these; at least 1. */
  private static int nodes(Path system, BitSet processors) throws IOException {
    Path online = system.resolve("node/online");
    if (!Files.exists(online)) {
      return 1;
    }
    int count = 0;
    BitSet nodes = list(Files.readString(online));
    for (int node = nodes.nextSetBit(0); node >= 0; node = nodes.nextSetBit(node + 1)) {
      BitSet here = list(Files.readString(system.resolve("node/node" + node + "/cpulist")));
      count += here.intersects(processors) ? 1 : 0;
    }
    return Math.max(1, count);
  }

  /** Linux's way to write sets: {@code 0-3,8,10-11}. */
  private static BitSet list(String text) {
    BitSet set = new BitSet();
    for (String part : text.strip().split(",", -1)) {
      if (part.isBlank()) {
        continue;
      }
      String[] ends = part.strip().split("-", -1);
      try {
        int first = Integer.parseInt(ends[0]);
        set.set(first, Integer.parseInt(ends[ends.length - 1]) + 1);
      } catch (NumberFormatException | IndexOutOfBoundsException e) {
        throw new QuernException("'" + text.strip() + "' is no list of processors", e);
      }
    }
    return set;
  }
}

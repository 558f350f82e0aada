package dev.quern.transformer.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/**
 * Where the time of a run goes: its kernel events, summed up by operation and operands. A run is
 * anything that calls kernels: a prompt, some tokens, the replays of a training step.
 */
final class KernelProfile {
  private static final String EVENT = "dev.quern.Kernel";

  private record Key(String operation, String operands, String kernel) {}

  private static final class Sum {
    long calls;
    long nanos;
    long bytes;
    long flops;
  }

  private final Map<Key, Sum> sums = new HashMap<>();
  private final long wallNanos;

  private KernelProfile(long wallNanos) {
    this.wallNanos = wallNanos;
  }

  /** Runs something under a recording, after once without effect: the first events are slow. */
  static KernelProfile of(Runnable run) {
    return of(run, 1);
  }

  /**
   * Runs something several times under a recording, after once without effect.
   *
   * @param run what it is about
   * @param times how often; all of them are summed up
   */
  static KernelProfile of(Runnable run, int times) {
    try (Recording recording = new Recording()) {
      recording.enable(EVENT).withoutThreshold();
      recording.start();
      run.run();
      Instant begin = Instant.now();
      long start = System.nanoTime();
      for (int i = 0; i < times; i++) {
        run.run();
      }
      KernelProfile profile = new KernelProfile(System.nanoTime() - start);
      recording.stop();
      Path file = Files.createTempFile("quern-profile", ".jfr");
      try {
        recording.dump(file);
        profile.read(file, begin);
      } finally {
        Files.delete(file);
      }
      return profile;
    } catch (IOException e) {
      throw new UncheckedIOException("the profile's temporary file can't be written", e);
    }
  }

  private void read(Path file, Instant begin) throws IOException {
    try (RecordingFile events = new RecordingFile(file)) {
      while (events.hasMoreEvents()) {
        RecordedEvent e = events.readEvent();
        if (e.getEventType().getName().equals(EVENT) && !e.getStartTime().isBefore(begin)) {
          add(e);
        }
      }
    }
  }

  private void add(RecordedEvent e) {
    Key key = new Key(e.getString("operation"), e.getString("operands"), e.getString("kernel"));
    Sum s = sums.computeIfAbsent(key, _ -> new Sum());
    s.calls++;
    s.nanos += e.getDuration().toNanos();
    s.bytes += e.getLong("bytes");
    s.flops += e.getLong("flops");
  }

  /**
   * Prints a line per operation and operands, most time first, and what no kernel accounts for.
   *
   * @param unit what a run consists of: "token", "step"
   * @param count how many of them all runs together had; times are divided by it
   */
  void print(PrintWriter out, String title, String unit, int count) {
    double each = 1e3 * count;
    out.printf(Locale.ROOT, "%s: %.1f us a %s%n", title, wallNanos / each, unit);
    out.printf(" share %9s   calls     GB/s  GFLOP/s  operation%n", "us/" + unit);
    List<Map.Entry<Key, Sum>> rows =
        sums.entrySet().stream()
            .sorted(Comparator.comparingLong(r -> -r.getValue().nanos))
            .toList();
    long kernels = 0;
    for (Map.Entry<Key, Sum> row : rows) {
      Key key = row.getKey();
      Sum s = row.getValue();
      kernels += s.nanos;
      out.printf(
          Locale.ROOT,
          "%5.1f%% %9.1f %7d %8.1f %8s  %s %s  (%s)%n",
          100.0 * s.nanos / wallNanos,
          s.nanos / each,
          s.calls,
          (double) s.bytes / s.nanos,
          s.flops == 0 ? "" : String.format(Locale.ROOT, "%.1f", (double) s.flops / s.nanos),
          key.operation,
          key.operands,
          key.kernel);
    }
    long rest = wallNanos - kernels;
    out.printf(
        Locale.ROOT,
        "%5.1f%% %9.1f                           outside kernels%n",
        100.0 * rest / wallNanos,
        rest / each);
    out.flush();
  }
}

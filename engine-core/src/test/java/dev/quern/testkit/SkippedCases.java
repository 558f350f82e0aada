package dev.quern.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Counts the data cases that a test passed over without failing an assumption, so that the summary
 * at the end of the build names them beside the skipped tests.
 *
 * <p>A test that walks a file of vectors in a loop and meets one it does not cover records it here.
 * A whole test that cannot run uses JUnit's assumptions instead.
 */
public final class SkippedCases {
  private static final Path FOLDER = Path.of("target", "skipped-cases");
  private static final Map<String, Map<String, Long>> COUNTS = new ConcurrentHashMap<>();

  private SkippedCases() {}

  /**
   * Adds skipped cases to a suite's count.
   *
   * @param suite name of the test class; letters, digits, dots and hyphens
   * @param cases how many cases were passed over, at least 1
   * @param reason why, in one line
   * @throws IllegalArgumentException if the suite's name could not be a file name, or there is
   *     nothing to count
   */
  public static void record(String suite, long cases, String reason) {
    if (!suite.matches("[A-Za-z0-9.-]+") || cases < 1 || reason.isBlank()) {
      throw new IllegalArgumentException(
          "[SkippedCases] suite=%s, cases=%d, reason=%s; need a file name, at least 1, a reason"
              .formatted(suite, cases, reason));
    }
    Map<String, Long> counts = COUNTS.computeIfAbsent(suite, _ -> new TreeMap<>());
    synchronized (counts) {
      counts.merge(reason.replaceAll("\\s+", " "), cases, Long::sum);
      write(suite, counts);
    }
  }

  private static void write(String suite, Map<String, Long> counts) {
    StringBuilder text = new StringBuilder();
    counts.forEach((reason, n) -> text.append(n).append('\t').append(reason).append('\n'));
    try {
      Files.createDirectories(FOLDER);
      Files.writeString(FOLDER.resolve(suite + ".tsv"), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

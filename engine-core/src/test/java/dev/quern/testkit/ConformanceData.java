package dev.quern.testkit;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/** The larger conformance data, which is not part of the project. */
public final class ConformanceData {
  private ConformanceData() {}

  /**
   * A file or folder of it. Skips the test if {@code -Dquern.data} is not given, and fails it if
   * what it names is not there.
   *
   * @param name relative to the folder that the property names
   * @return its path
   */
  public static Path path(String name) {
    String root = System.getProperty("quern.data");
    Assumptions.assumeTrue(
        root != null && !root.isBlank(), () -> "skipped: -Dquern.data is not set, no " + name);
    Path path = Path.of(root, name);
    Assertions.assertTrue(Files.exists(path), () -> "-Dquern.data lacks " + path);
    return path;
  }
}

package dev.quern.testkit;

import java.net.URI;
import java.nio.file.Path;
import java.util.Objects;

/** Where classes come from, for tests that start a JVM of their own. */
public final class Origin {
  private Origin() {}

  /**
   * The folder or jar that a class came from, on the class path, in a module, or patched into one.
   *
   * @param type the class
   * @return what to put on a class path to find it
   */
  public static String of(Class<?> type) {
    String file = type.getName().replace('.', '/') + ".class";
    String url = Objects.requireNonNull(type.getResource("/" + file)).toString();
    String place = url.substring(0, url.length() - file.length());
    String path = place.replaceFirst("^jar:", "").replaceFirst("!/$", "");
    return Path.of(URI.create(path)).toString();
  }
}

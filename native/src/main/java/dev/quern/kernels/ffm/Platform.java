package dev.quern.kernels.ffm;

import java.util.Locale;

/**
 * The operating system and processor family as resource folders name them.
 *
 * @param os for example {@code linux}
 * @param arch for example {@code x86_64}
 */
record Platform(String os, String arch) {

  /** This process's platform. */
  static Platform current() {
    return of(System.getProperty("os.name", ""), System.getProperty("os.arch", ""));
  }

  /** The platform of Java's names for it. */
  static Platform of(String osName, String osArch) {
    String os = osName.toLowerCase(Locale.ROOT);
    String system = os.startsWith("mac") ? "macos" : os.startsWith("win") ? "windows" : os;
    return new Platform(system, osArch.equals("amd64") ? "x86_64" : osArch);
  }

  /** Where the library is, relative to this package. */
  String resource() {
    String file =
        switch (os) {
          case "macos" -> "libquern.dylib";
          case "windows" -> "quern.dll";
          default -> "libquern.so";
        };
    return "lib/" + this + "/" + file;
  }

  @Override
  public String toString() {
    return os + "-" + arch;
  }
}

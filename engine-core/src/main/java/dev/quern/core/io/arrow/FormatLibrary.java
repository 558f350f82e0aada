package dev.quern.core.io.arrow;

import dev.quern.core.type.NotSupportedException;

/** The library that reads and writes Arrow's metadata, which a module path may lack. */
final class FormatLibrary {
  private static final String PROBE = "org.apache.arrow.flatbuf.Message";

  private FormatLibrary() {}

  static void check() {
    check(FormatLibrary.class.getClassLoader());
  }

  static void check(ClassLoader loader) {
    try {
      // Linked, not only found: it leans on flatbuffers-java.
      Class.forName(PROBE, true, loader);
    } catch (ClassNotFoundException | NoClassDefFoundError e) {
      throw new NotSupportedException(
          "[arrow] Arrow files need the libraries arrow-format and flatbuffers-java, which are not"
              + " there; put both on the class path, or on the module path with --add-modules"
              + " org.apache.arrow.format",
          e);
    }
  }
}

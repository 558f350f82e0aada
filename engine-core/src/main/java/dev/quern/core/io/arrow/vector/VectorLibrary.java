package dev.quern.core.io.arrow.vector;

import dev.quern.core.type.NotSupportedException;
import java.nio.ByteBuffer;

/** What arrow-vector needs to work: itself, and a JDK that is opened to it. */
final class VectorLibrary {
  private static final String VECTORS = "org.apache.arrow.vector.VectorSchemaRoot";
  private static final String MEMORY = "org.apache.arrow.memory.util.MemoryUtil";

  private VectorLibrary() {}

  static void check() {
    checkOpen(memoryModule(VectorLibrary.class.getClassLoader()));
  }

  /** The module that reaches into the JDK. */
  static Module memoryModule(ClassLoader loader) {
    try {
      // Found, not initialised: that fails without the flag, once and for all.
      Class.forName(VECTORS, false, loader);
      return Class.forName(MEMORY, false, loader).getModule();
    } catch (ClassNotFoundException e) {
      throw new NotSupportedException(
          "[arrow] conversion from and to vectors needs the library org.apache.arrow:arrow-vector,"
              + " and arrow-memory-unsafe or arrow-memory-netty; add them, on a module path with"
              + " --add-modules org.apache.arrow.vector",
          e);
    }
  }

  static void checkOpen(Module memory) {
    if (!ByteBuffer.class.getModule().isOpen(ByteBuffer.class.getPackageName(), memory)) {
      throw new NotSupportedException(
          "[arrow] arrow-vector's memory reaches into the JDK, which is closed to it; start java"
              + " with --add-opens=java.base/java.nio="
              + (memory.isNamed() ? memory.getName() : "ALL-UNNAMED"));
    }
  }
}

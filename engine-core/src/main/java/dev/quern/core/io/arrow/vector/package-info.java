/**
 * Conversion between Quern's Arrow data and the vectors of Arrow's own Java library, arrow-vector;
 * for programs that have such vectors anyway. Reading and writing Arrow files needs none of this.
 *
 * <p>This package alone needs the libraries arrow-vector and arrow-memory-unsafe (or -netty), and a
 * JVM flag, because that library's memory reaches into the JDK: {@code
 * --add-opens=java.base/java.nio=ALL-UNNAMED}, on a module path {@code
 * --add-opens=java.base/java.nio=org.apache.arrow.memory.core}. Without either, every method throws
 * a {@link dev.quern.core.type.NotSupportedException} that says so.
 *
 * <p>Allowed imports: {@code dev.quern.core.io}, {@code dev.quern.core.type}, {@code
 * org.apache.arrow}.
 *
 * {@snippet :
 * try (BufferAllocator allocator = ArrowVectors.allocator();
 *     ArrowFile file = ArrowFile.open(path);
 *     LoadedVectors vectors = ArrowVectors.load(file, 0, allocator)) {
 *   System.out.println(vectors.root().contentToTSVString());
 * }
 * }
 */
@NullMarked
package dev.quern.core.io.arrow.vector;

import org.jspecify.annotations.NullMarked;

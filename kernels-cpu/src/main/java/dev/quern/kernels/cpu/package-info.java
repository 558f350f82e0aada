/**
 * Kernels written with the Vector API: pure Java, for any vector width from 64 to 512 bits.
 *
 * <p>{@link dev.quern.kernels.cpu.VectorProvider} is all that others see; it finds out whether the
 * module {@code jdk.incubator.vector} is there and loads the rest by name. {@code VectorKernels}
 * lists the kernels by operation. Each kernel's record says which calls it takes and how much
 * working memory it wants; binding it gives a task whose slices follow from the shape, so that
 * results have the same bits for any number of threads.
 *
 * <p>Kernels compute on F32. 16-bit and block types are widened on their way in: by the vector in
 * the matrix-vector loops, else by runs that stay in the cache.
 *
 * <p>Allowed imports: {@code dev.quern.core.spi} and what lies below it, {@code
 * jdk.incubator.vector}, {@code java.lang.foreign} without linkers.
 *
 * {@snippet :
 * VectorProvider provider = new VectorProvider();
 * if (provider.probe() instanceof Probe.Usable(String detail)) {
 *   Kernel kernel = provider.find(signature); // null: the next provider is asked
 * }
 * }
 */
@NullMarked
package dev.quern.kernels.cpu;

import org.jspecify.annotations.NullMarked;

/**
 * Kernels in C, bound through the foreign function interface.
 *
 * <p>{@link dev.quern.kernels.ffm.NativeKernels} is the provider. From a call to C, file by file: a
 * {@code ...Kernel} matches the signature and cuts the work in slices whose size depends on the
 * shape alone; {@code ProductPath} picks the C kernel of a product; {@code Functions} gives the
 * address in the best tier; {@code Calls} makes the downcall.
 *
 * <p>Allowed imports: {@code java.base}, {@code dev.quern.core.spi}, {@code op}, {@code memory},
 * {@code type}.
 *
 * {@snippet :
 * Engine engine = Engine.create(); // finds the provider with ServiceLoader
 * System.out.println(new NativeKernels().probe());
 * }
 */
@NullMarked
package dev.quern.kernels.ffm;

import org.jspecify.annotations.NullMarked;

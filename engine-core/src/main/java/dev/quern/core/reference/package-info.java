/**
 * The reference kernels: scalar, obvious, for any strides and every supported dtype. Every other
 * backend is tested against them, and they are what runs where nothing faster fits.
 *
 * <p>Floating point is computed in F64 and rounded once at the end; integers in 64 bits, wrapping
 * around. Functions come from {@link java.lang.StrictMath}, so that the bits are the same on every
 * machine. Block formats are read and written through {@link dev.quern.core.reference.BlockCodecs}.
 *
 * <p>Allowed imports: {@code spi}, {@code op}, {@code memory}, {@code type}.
 *
 * {@snippet :
 * KernelRegistry registry = KernelRegistry.load("cpu", new ReferenceProvider());
 * BlockCodecs.of(BlockType.Q8_0).quantize(row, 0, segment, 0, row.length);
 * }
 */
@NullMarked
package dev.quern.core.reference;

import org.jspecify.annotations.NullMarked;

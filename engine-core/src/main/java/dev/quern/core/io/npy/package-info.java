/**
 * npy and npz, NumPy's array files: what goldens and logits are stored in.
 *
 * <p>{@link dev.quern.core.io.npy.NpyFile} reads and writes single arrays, {@link
 * dev.quern.core.io.npy.NpzFile} reads archives of them, {@link dev.quern.core.io.npy.NpzWriter}
 * writes these. Source: the module numpy.lib.format, whose documentation defines the format.
 *
 * <p>Allowed imports: {@code dev.quern.core.io}, {@code dev.quern.core.memory}, {@code
 * dev.quern.core.type}.
 *
 * {@snippet :
 * NpyArray golden = NpyFile.read(Path.of("logits.npy"));
 * float[] values = golden.floats();
 * }
 */
@NullMarked
package dev.quern.core.io.npy;

import org.jspecify.annotations.NullMarked;

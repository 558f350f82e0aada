/**
 * What the readers of all formats share and nobody else sees: a bounded cursor over a mapped
 * header, UTF-8 validation, strict JSON, and the table of a file's tensors. Not exported.
 *
 * <p>Allowed imports: {@code dev.quern.core.io}, {@code dev.quern.core.memory}, {@code
 * dev.quern.core.type}.
 *
 * {@snippet :
 * ByteCursor in = new ByteCursor(new Blame("gguf", path), file.bytes());
 * long count = in.count("n_kv");
 * }
 */
@NullMarked
package dev.quern.core.io.internal;

import org.jspecify.annotations.NullMarked;

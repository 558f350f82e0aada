/**
 * GGUF, versions 2 and 3, little-endian: reading and writing.
 *
 * <p>{@link dev.quern.core.io.gguf.GgufFile} opens a file, {@link
 * dev.quern.core.io.gguf.GgufMetadata} gives its typed key-value pairs, {@link
 * dev.quern.core.io.gguf.GgufWriter} writes one. Source: the GGUF specification, docs/gguf.md of
 * github.com/ggml-org/ggml. Where the specification is silent, the reader is as strict as the
 * format's own library.
 *
 * <p>Allowed imports: {@code dev.quern.core.io}, {@code dev.quern.core.memory}, {@code
 * dev.quern.core.type}.
 *
 * {@snippet :
 * try (GgufFile file = GgufFile.open(Path.of("model.gguf"))) {
 *   String family = file.metadata().string("general.architecture");
 *   List<String> vocabulary = file.metadata().strings("tokenizer.ggml.tokens");
 *   Storage embedding = file.storage("token_embd.weight");
 * }
 * }
 */
@NullMarked
package dev.quern.core.io.gguf;

import org.jspecify.annotations.NullMarked;

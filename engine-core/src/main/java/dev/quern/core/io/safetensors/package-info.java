/**
 * safetensors: single files and folders of shards with an index, reading and writing.
 *
 * <p>{@link dev.quern.core.io.safetensors.SafetensorsFile} opens one file, {@link
 * dev.quern.core.io.safetensors.SafetensorsFolder} a model's folder whether it has one file or
 * many, {@link dev.quern.core.io.safetensors.SafetensorsWriter} writes both. Source: the format's
 * description in the README of github.com/huggingface/safetensors, and the rules its own library
 * enforces.
 *
 * <p>Allowed imports: {@code dev.quern.core.io}, {@code dev.quern.core.memory}, {@code
 * dev.quern.core.type}.
 *
 * {@snippet :
 * try (SafetensorsFolder model = SafetensorsFolder.open(Path.of("model"))) {
 *   Storage embedding = model.storage("model.embed_tokens.weight");
 * }
 * }
 */
@NullMarked
package dev.quern.core.io.safetensors;

import org.jspecify.annotations.NullMarked;

/**
 * Files that hold tensors: what the formats have in common, and how a file is replaced safely.
 *
 * <p>Each format has a package of its own below this one: {@code gguf}, {@code safetensors}, {@code
 * npy} and {@code arrow}. Opening a file maps it and reads its header only; the header is checked
 * against the file's true length before anything is allocated by it, and whatever is wrong with it
 * is a {@link dev.quern.core.type.FormatException} that names file, offset and field.
 *
 * <p>Allowed imports: {@code dev.quern.core.memory}, {@code dev.quern.core.type}.
 *
 * {@snippet :
 * try (TensorFile file = GgufFile.open(path)) {
 *   for (TensorInfo t : file.tensors().values()) {
 *     System.out.println(t.name() + " " + t.shape() + " " + t.typeName());
 *   }
 * }
 * }
 */
@NullMarked
package dev.quern.core.io;

import org.jspecify.annotations.NullMarked;

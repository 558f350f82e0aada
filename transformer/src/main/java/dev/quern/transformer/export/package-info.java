/**
 * Models in the formats of other programs: a Hugging Face folder as one GGUF file, and a training
 * run's folder as one that Transformers opens.
 *
 * <p>Allowed imports: {@code model} and what is below it, {@code compress}, {@code dev.quern.core},
 * Jackson, JSpecify.
 *
 * {@snippet :
 * GgufExport.Report report =
 *     GgufExport.of(BlockType.Q8_0).run(engine, Path.of("run"), Path.of("model.gguf"), name -> {});
 * }
 */
@NullMarked
package dev.quern.transformer.export;

import org.jspecify.annotations.NullMarked;

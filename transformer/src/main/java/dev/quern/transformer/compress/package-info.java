/**
 * Making models smaller: quantisation of GGUF files. (Pruning and distillation have their place
 * here.)
 *
 * <p>Allowed imports: {@code dev.quern.core}.
 *
 * {@snippet :
 * Quantization.Report report = Quantization.of(BlockType.Q8_0).run(engine, in, out, t -> {});
 * }
 */
@NullMarked
package dev.quern.transformer.compress;

import org.jspecify.annotations.NullMarked;

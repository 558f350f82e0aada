/**
 * Model families, one file each: a {@code Config}, the map of checkpoint names, and a {@code
 * forward} composed of layers.
 *
 * <p>A {@link dev.quern.transformer.families.Checkpoint} is a GGUF file or a Hugging Face folder;
 * {@link dev.quern.transformer.families.Weights} hands its tensors to a family, checked by name and
 * shape. Big weights stay as they are stored, mapped from the file; norms and biases are kept in
 * F32.
 *
 * <p>Allowed imports: {@code layers}, {@code dev.quern.core}, Jackson (to read {@code
 * config.json}), JSpecify.
 *
 * {@snippet :
 * try (Checkpoint checkpoint = Checkpoint.open(Path.of("model.gguf"));
 *     Weights weights = new Weights(engine, checkpoint)) {
 *   Decoder model = Llama.load(weights);
 *   Tensor hidden = model.forward(tokens, AttentionContext.whole(tokens), List.of());
 *   Tensor logits = model.logits(hidden); // F32 [batch, length, vocabulary]
 * }
 * }
 */
@org.jspecify.annotations.NullMarked
package dev.quern.transformer.families;

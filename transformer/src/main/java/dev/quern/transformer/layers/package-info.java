/**
 * Layers that are usable on their own: small immutable objects over tensors, composed by hand.
 *
 * <p>A layer takes a tensor and gives one ({@link dev.quern.transformer.layers.Layer#forward}), and
 * lists its weights by name. Weights may be of any floating or block type where the operation takes
 * it. Nothing here knows of files, tokenizers or decoding; attention sees a KV cache only as {@link
 * dev.quern.transformer.layers.AttentionCache}.
 *
 * <p>Allowed imports: {@code dev.quern.core} without its engine and file formats, JSpecify, and the
 * module's settings.
 *
 * {@snippet :
 * Layer mlp = new FeedForward(up, Activation.GELU, down);
 * Tensor y = norm.forward(mlp.forward(x)); // F32 [batch, length, dim]
 * }
 */
@org.jspecify.annotations.NullMarked
package dev.quern.transformer.layers;

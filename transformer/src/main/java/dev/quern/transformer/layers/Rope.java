package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;

/**
 * Rotary position embedding (Su et al. 2021) of queries and keys.
 *
 * @param inverseFrequencies [r/2], F32, as {@link RopeFrequencies} makes them; the first r elements
 *     of a head are rotated
 * @param interleaved whether a pair is two neighbours (GGUF's Llama), else elements j and j + r/2
 *     (Hugging Face)
 */
public record Rope(Tensor inverseFrequencies, boolean interleaved) {

  /**
   * Rotates heads.
   *
   * @param x [batch, length, heads, headDim], F32
   * @param positions [batch, length], I32|I64
   * @return same shape and dtype
   */
  public Tensor forward(Tensor x, Tensor positions) {
    return x.rope(positions, inverseFrequencies, interleaved);
  }
}

package dev.quern.transformer.families;

import dev.quern.core.op.Tensor;
import dev.quern.transformer.layers.AttentionCache;
import dev.quern.transformer.layers.AttentionContext;
import java.util.List;

/** A causal language model: tokens to hidden states to logits. Immutable and safe to share. */
public interface Decoder extends Family {
  /**
   * The sizes that a KV cache and a caller need.
   *
   * @param vocabulary number of tokens, the extent of the logits
   * @param dim extent of the hidden states
   * @param layers number of blocks
   * @param kvHeads key/value heads per block
   * @param headDim extent of a head
   * @param contextLength how many tokens a sequence may have
   */
  record Dimensions(
      int vocabulary, int dim, int layers, int kvHeads, int headDim, int contextLength) {}

  /**
   * Its sizes.
   *
   * @return the dimensions
   */
  Dimensions dimensions();

  /**
   * The normalised hidden states of the last block.
   *
   * @param tokens [batch, length], I32|I64
   * @param context where the rows stand; its cache is set per block from {@code caches}
   * @param caches one per block, or none to attend within the given rows only
   * @return [batch, length, dim], F32
   */
  Tensor forward(Tensor tokens, AttentionContext context, List<? extends AttentionCache> caches);

  /**
   * The output projection.
   *
   * @param hidden [..., dim], F32, of {@link #forward}
   * @return [..., vocabulary], F32
   */
  Tensor logits(Tensor hidden);
}

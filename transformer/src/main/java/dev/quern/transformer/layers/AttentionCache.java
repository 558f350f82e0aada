package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;

/** One layer's keys and values of earlier tokens, as attention sees them. */
public interface AttentionCache {
  /**
   * Stores new rows behind the earlier ones.
   *
   * @param keys [batch, length, kvHeads, headDim], F32
   * @param values [batch, length, kvHeads, headDim], F32
   * @param starts [batch], I32: how many rows each sequence has already
   */
  void write(Tensor keys, Tensor values, Tensor starts);

  /**
   * All keys, those beyond a sequence's length included.
   *
   * @return [batch, capacity, kvHeads, headDim]
   */
  Tensor keys();

  /**
   * All values, those beyond a sequence's length included.
   *
   * @return [batch, capacity, kvHeads, headDim]
   */
  Tensor values();
}

package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import org.jspecify.annotations.Nullable;

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
   * @return [batch, capacity, kvHeads, headDim], or with pages [pages, size, kvHeads, headDim]
   */
  Tensor keys();

  /**
   * All values, those beyond a sequence's length included.
   *
   * @return of the keys' shape
   */
  Tensor values();

  /**
   * Which pages of keys and values are whose: {@link dev.quern.core.op.Pages}.
   *
   * @return [batch, n], I32; null if the keys of a sequence lie together
   */
  default @Nullable Tensor pages() {
    return null;
  }
}

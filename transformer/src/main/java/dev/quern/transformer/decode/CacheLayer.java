package dev.quern.transformer.decode;

import dev.quern.core.op.BufferOp;
import dev.quern.core.op.Tensor;
import dev.quern.transformer.layers.AttentionCache;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One block's cache.
 *
 * @param keys [batch, rows, kvHeads, headDim], or in pages [pages, size, kvHeads, headDim]
 * @param values of the keys' shape
 * @param pages [batch, n], or null
 */
record CacheLayer(Tensor keys, Tensor values, @Nullable Tensor pages) implements AttentionCache {
  @Override
  public void write(Tensor newKeys, Tensor newValues, Tensor starts) {
    put(keys, newKeys, starts);
    put(values, newValues, starts);
  }

  private void put(Tensor cache, Tensor rows, Tensor starts) {
    List<Tensor> in = new ArrayList<>(List.of(cache, rows, starts));
    if (pages != null) {
      in.add(pages);
    }
    cache.executor().apply(new BufferOp.CacheWrite(pages != null), in);
  }
}

package dev.quern.transformer.layers;

import dev.quern.core.op.AttentionOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ShapeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Multi-head attention (Vaswani et al. 2017): output(softmax(q · kᵀ / √headDim) · v) over heads.
 * With fewer key/value heads than query heads it is grouped-query attention (Ainslie et al. 2023),
 * with one it is multi-query attention (Shazeer 2019).
 *
 * @param query from dim to heads · headDim
 * @param key from dim to kvHeads · headDim
 * @param value from dim to kvHeads · headDim
 * @param output from heads · headDim to dim
 * @param options heads, causality, window, soft cap
 * @param rope rotary embedding of queries and keys, or null for none
 */
public record MultiHeadAttention(
    Linear query,
    Linear key,
    Linear value,
    Linear output,
    AttentionOptions options,
    @Nullable Rope rope)
    implements Layer {

  /**
   * Checks that the projections fit the heads.
   *
   * @throws ShapeException if they don't
   */
  public MultiHeadAttention {
    long headDim = query.outFeatures() / options.heads();
    boolean fits =
        query.outFeatures() == headDim * options.heads()
            && key.outFeatures() == headDim * options.kvHeads()
            && value.outFeatures() % options.kvHeads() == 0
            && options.heads() % options.kvHeads() == 0;
    if (!fits) {
      throw new ShapeException(
          "[multiHeadAttention] projections give "
              + query.outFeatures()
              + " (query), "
              + key.outFeatures()
              + " (key) and "
              + value.outFeatures()
              + " (value) elements for "
              + options.heads()
              + " heads and "
              + options.kvHeads()
              + " key/value heads; need heads · headDim and kvHeads · headDim");
    }
  }

  /**
   * Attends within whole sequences.
   *
   * @param x [batch, length, dim], F32
   * @return [batch, length, dim], F32
   */
  @Override
  public Tensor forward(Tensor x) {
    return forward(x, AttentionContext.whole(x));
  }

  /**
   * Attends, after earlier rows if the context has a cache.
   *
   * @param x [batch, length, dim], F32
   * @param context positions, lengths and cache
   * @return [batch, length, dim], F32
   */
  public Tensor forward(Tensor x, AttentionContext context) {
    Tensor q = heads(query.forward(x), options.heads());
    Tensor k = heads(key.forward(x), options.kvHeads());
    Tensor v = heads(value.forward(x), options.kvHeads());
    if (rope != null) {
      q = rope.forward(q, context.positions());
      k = rope.forward(k, context.positions());
    }
    AttentionCache cache = context.cache();
    Tensor starts = context.starts();
    if (cache != null && starts != null) {
      cache.write(k, v, starts);
      k = cache.keys();
      v = cache.values();
    }
    Tensor rows = attend(q, k, v, context); // [b, t, h, dv]
    return output.forward(rows.reshape(x.shape().dim(0), x.shape().dim(1), -1));
  }

  private Tensor attend(Tensor q, Tensor k, Tensor v, AttentionContext context) {
    Tensor mask = context.mask();
    Tensor starts = context.starts();
    Tensor lengths = context.lengths();
    AttentionCache cache = context.cache();
    Tensor pages = cache == null ? null : cache.pages();
    List<Tensor> optional = new ArrayList<>();
    if (mask != null) {
      optional.add(mask);
    }
    if (starts != null) {
      optional.add(starts);
    }
    if (lengths != null) {
      optional.add(lengths);
    }
    if (pages != null) {
      optional.add(pages);
    }
    AttentionOp.Attention attention =
        new AttentionOp.Attention(
            options.causal(),
            options.scale(q.shape().dim(-1)),
            options.softCap(),
            options.window(),
            mask != null,
            starts != null,
            lengths != null,
            pages != null);
    return q.attention(k, v, attention, optional.toArray(Tensor[]::new));
  }

  /** [b, t, heads · d] as [b, t, heads, d]. */
  private static Tensor heads(Tensor x, int heads) {
    return x.reshape(x.shape().dim(0), x.shape().dim(1), heads, x.shape().dim(2) / heads);
  }

  @Override
  public Map<String, Tensor> parameters() {
    return new NamedTensors()
        .add("query", query)
        .add("key", key)
        .add("value", value)
        .add("output", output)
        .toMap();
  }
}

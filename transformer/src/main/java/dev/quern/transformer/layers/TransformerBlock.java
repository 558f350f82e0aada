package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import java.util.Map;

/**
 * Attention and a feed-forward layer with residual connections, in the two usual orders. In
 * training, what is added to the residual stream is dropped out as the context says.
 */
public sealed interface TransformerBlock extends Layer {

  /**
   * Applies the block, after earlier rows if the context has a cache.
   *
   * @param x [batch, length, dim], F32
   * @param context positions, lengths and cache
   * @return [batch, length, dim], F32
   */
  Tensor forward(Tensor x, AttentionContext context);

  /**
   * Applies the block to whole sequences.
   *
   * @param x [batch, length, dim], F32
   * @return [batch, length, dim], F32
   */
  @Override
  default Tensor forward(Tensor x) {
    return forward(x, AttentionContext.whole(x));
  }

  /**
   * Norms first (GPT-2, Llama): h = x + attention(norm(x)), y = h + feedForward(norm(h)).
   *
   * @param attentionNorm before attention
   * @param attention mixes tokens
   * @param feedForwardNorm before the feed-forward layer
   * @param feedForward works on each token
   */
  record PreNorm(
      Layer attentionNorm, MultiHeadAttention attention, Layer feedForwardNorm, Layer feedForward)
      implements TransformerBlock {
    @Override
    public Tensor forward(Tensor x, AttentionContext context) {
      TrainingMode mode = context.training();
      Tensor h = x.add(mode.drop(attention.forward(attentionNorm.forward(x), context), 0));
      return h.add(mode.drop(feedForward.forward(feedForwardNorm.forward(h)), 1));
    }

    @Override
    public Map<String, Tensor> parameters() {
      return new NamedTensors()
          .add("attentionNorm", attentionNorm)
          .add("attention", attention)
          .add("feedForwardNorm", feedForwardNorm)
          .add("feedForward", feedForward)
          .toMap();
    }
  }

  /**
   * Norms last (the original Transformer, BERT): h = norm(x + attention(x)), y = norm(h +
   * feedForward(h)).
   *
   * @param attention mixes tokens
   * @param attentionNorm after attention
   * @param feedForward works on each token
   * @param feedForwardNorm after the feed-forward layer
   */
  record PostNorm(
      MultiHeadAttention attention, Layer attentionNorm, Layer feedForward, Layer feedForwardNorm)
      implements TransformerBlock {
    @Override
    public Tensor forward(Tensor x, AttentionContext context) {
      TrainingMode mode = context.training();
      Tensor h = attentionNorm.forward(x.add(mode.drop(attention.forward(x, context), 0)));
      return feedForwardNorm.forward(h.add(mode.drop(feedForward.forward(h), 1)));
    }

    @Override
    public Map<String, Tensor> parameters() {
      return new NamedTensors()
          .add("attention", attention)
          .add("attentionNorm", attentionNorm)
          .add("feedForward", feedForward)
          .add("feedForwardNorm", feedForwardNorm)
          .toMap();
    }
  }
}

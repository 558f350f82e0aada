package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import org.jspecify.annotations.Nullable;

/**
 * Where the rows of a batch stand in their sequences, and what came before them.
 *
 * @param positions [batch, length], I32: position of each row, for positional embeddings
 * @param starts [batch], I32: position of each sequence's first row; without a cache null, and then
 *     0 where lengths are given
 * @param lengths [batch], I32: how many rows of each sequence count, or null for all
 * @param cache earlier keys and values of the layer at hand, or null; then starts is needed
 * @param mask [batch, 1, length, length], BOOL: which rows a row may see at all, or null for all
 * @param training what training adds; {@link TrainingMode#NONE} in inference
 */
public record AttentionContext(
    Tensor positions,
    @Nullable Tensor starts,
    @Nullable Tensor lengths,
    @Nullable AttentionCache cache,
    @Nullable Tensor mask,
    TrainingMode training) {

  /** Padding is at the end, whereas attention takes rows without starts for the last ones. */
  public AttentionContext {
    if (starts == null && lengths != null) {
      starts = lengths.fullLike(0).contiguous();
    }
  }

  /**
   * Rows in inference.
   *
   * @param positions [batch, length], I32: position of each row, for positional embeddings
   * @param starts [batch], I32: position of each sequence's first row, or null without a cache
   * @param lengths [batch], I32: how many rows of each sequence count, or null for all
   * @param cache earlier keys and values of the layer at hand, or null; then starts is needed
   */
  public AttentionContext(
      Tensor positions,
      @Nullable Tensor starts,
      @Nullable Tensor lengths,
      @Nullable AttentionCache cache) {
    this(positions, starts, lengths, cache, null, TrainingMode.NONE);
  }

  /**
   * Whole sequences from position 0, without a cache.
   *
   * @param like [batch, length, ...]: whose batch and length to take
   * @return the context
   */
  public static AttentionContext whole(Tensor like) {
    return whole(like, null);
  }

  /**
   * Whole sequences from position 0, of which some may be padded at the end.
   *
   * @param like [batch, length, ...]: whose batch and length to take
   * @param lengths [batch], I32: how many rows of each sequence count, or null for all
   * @return the context
   */
  public static AttentionContext whole(Tensor like, @Nullable Tensor lengths) {
    Shape s = like.shape();
    Tensor positions = like.arange(ScalarType.I32, s.dim(1)).expand(Shape.of(s.dim(0), s.dim(1)));
    return new AttentionContext(positions, null, lengths, null);
  }

  /**
   * Several sequences in each row, none of which sees another.
   *
   * @param positions [batch, length], I32: place of each token in its own sequence
   * @param segments [batch, length], I32: which of its row's sequences a token belongs to
   * @return the context
   */
  public static AttentionContext packed(Tensor positions, Tensor segments) {
    Tensor same = segments.unsqueeze(2).equal(segments.unsqueeze(1)); // [batch, length, length]
    return new AttentionContext(positions, null, null, null, same.unsqueeze(1), TrainingMode.NONE);
  }

  /**
   * The same rows with the cache of a layer.
   *
   * @param layerCache the layer's keys and values
   * @return a new context
   */
  public AttentionContext with(@Nullable AttentionCache layerCache) {
    return new AttentionContext(positions, starts, lengths, layerCache, mask, training);
  }

  /**
   * The same rows while the model is trained.
   *
   * @param mode what training adds
   * @return a new context
   */
  public AttentionContext with(TrainingMode mode) {
    return new AttentionContext(positions, starts, lengths, cache, mask, mode);
  }
}

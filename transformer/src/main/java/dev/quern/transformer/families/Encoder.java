package dev.quern.transformer.families;

import dev.quern.core.op.Tensor;
import dev.quern.transformer.layers.TrainingMode;
import org.jspecify.annotations.Nullable;

/** A bidirectional encoder: tokens to hidden states. Immutable and safe to share. */
public interface Encoder extends Family {
  /**
   * The sizes that a caller needs.
   *
   * @param vocabulary number of tokens
   * @param dim extent of the hidden states
   * @param layers number of blocks
   * @param contextLength how many tokens a sequence may have
   * @param tokenTypes number of segment types
   */
  record Dimensions(int vocabulary, int dim, int layers, int contextLength, int tokenTypes) {}

  /**
   * Its sizes.
   *
   * @return the dimensions
   */
  Dimensions dimensions();

  /**
   * The hidden states of the last block.
   *
   * @param tokens [batch, length], I32|I64
   * @param tokenTypes [batch, length], I32|I64, or null for all 0
   * @param lengths [batch], I32: how many tokens of each sequence count, or null for all
   * @return [batch, length, dim], F32; rows beyond a length are meaningless
   */
  default Tensor forward(Tensor tokens, @Nullable Tensor tokenTypes, @Nullable Tensor lengths) {
    return forward(tokens, tokenTypes, lengths, TrainingMode.NONE);
  }

  /**
   * The hidden states of the last block, while the model is trained.
   *
   * @param tokens [batch, length], I32|I64
   * @param tokenTypes [batch, length], I32|I64, or null for all 0
   * @param lengths [batch], I32: how many tokens of each sequence count, or null for all
   * @param training what training adds
   * @return [batch, length, dim], F32; rows beyond a length are meaningless
   */
  Tensor forward(
      Tensor tokens, @Nullable Tensor tokenTypes, @Nullable Tensor lengths, TrainingMode training);

  /**
   * Whether the checkpoint had a masked-language head.
   *
   * @return true if {@link #logits} works
   */
  boolean hasLogits();

  /**
   * The masked-language head.
   *
   * @param hidden [..., dim], F32, of {@link #forward}
   * @return [..., vocabulary], F32
   * @throws dev.quern.core.type.NotSupportedException if the checkpoint has no such head
   */
  Tensor logits(Tensor hidden);
}

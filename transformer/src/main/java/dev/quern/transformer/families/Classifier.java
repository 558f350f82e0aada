package dev.quern.transformer.families;

import dev.quern.core.op.Tensor;
import dev.quern.transformer.layers.TrainingMode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A network that says which label a sequence has. Immutable and safe to share. */
public interface Classifier extends Family {
  /**
   * Its sizes.
   *
   * @return the dimensions of the encoder that it stands on
   */
  Encoder.Dimensions dimensions();

  /**
   * What the scores are for.
   *
   * @return the labels' names, in the order of the logits
   */
  List<String> labels();

  /**
   * The scores of each sequence.
   *
   * @param tokens [batch, length], I32|I64
   * @param tokenTypes [batch, length], I32|I64, or null for all 0
   * @param lengths [batch], I32: how many tokens of each sequence count, or null for all
   * @return [batch, labels], F32: logits, of which the softmax gives probabilities
   */
  default Tensor classify(Tensor tokens, @Nullable Tensor tokenTypes, @Nullable Tensor lengths) {
    return classify(tokens, tokenTypes, lengths, TrainingMode.NONE);
  }

  /**
   * The scores of each sequence, while the model is trained.
   *
   * @param tokens [batch, length], I32|I64
   * @param tokenTypes [batch, length], I32|I64, or null for all 0
   * @param lengths [batch], I32: how many tokens of each sequence count, or null for all
   * @param training what training adds
   * @return [batch, labels], F32: logits
   */
  Tensor classify(
      Tensor tokens, @Nullable Tensor tokenTypes, @Nullable Tensor lengths, TrainingMode training);

  /**
   * The scores of each sequence, all of whose tokens are of one type.
   *
   * @param tokens [batch, length], I32|I64
   * @param lengths [batch], I32: how many tokens of each sequence count, or null for all
   * @return [batch, labels], F32
   */
  default Tensor classify(Tensor tokens, @Nullable Tensor lengths) {
    return classify(tokens, null, lengths);
  }
}

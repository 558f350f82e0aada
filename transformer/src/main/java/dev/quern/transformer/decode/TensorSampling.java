package dev.quern.transformer.decode;

import dev.quern.core.op.SamplingOp.Sample;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;

/**
 * The sampling chain as operations on tensors, so that a plan chooses tokens on its own device. It
 * means what {@link Sampler} means, and with the same uniform numbers takes the same tokens, except
 * where a draw falls within rounding (1e-13) of the border between two, or where two scores that
 * differ are the same F32, which {@link Sampler} has in the order of their ids.
 */
final class TensorSampling {
  private TensorSampling() {}

  /**
   * The tokens that follow.
   *
   * @param logits [batch, vocabulary] F32; a NaN counts as −∞
   * @param o the chain; not its seed
   * @param uniform [batch, 1] F64 in [0, 1): one draw each; not looked at if the temperature is 0
   * @param adjustment the chain's bias and penalties
   * @return [batch, 1] I64
   * @throws IllegalArgumentException if the bias names a token outside the vocabulary
   */
  static Tensor choose(
      Tensor logits, SamplingOptions o, Tensor uniform, LogitAdjustment adjustment) {
    Tensor scores = adjustment.isNone() ? logits : adjustment.adjust(logits.cast(ScalarType.F64));
    return scores.sample(uniform, new Sample(o.temperature(), o.topK(), o.topP(), o.minP()));
  }
}

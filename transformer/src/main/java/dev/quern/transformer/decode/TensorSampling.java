package dev.quern.transformer.decode;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;

/**
 * The sampling chain as operations on tensors, so that a plan chooses tokens on its own device. It
 * means what {@link Sampler} means, and with the same uniform numbers takes the same tokens, except
 * where a draw falls within rounding (1e-13) of the border between two.
 */
final class TensorSampling {
  /** As in {@link Weights}: what is less likely by e^50 is not drawn. */
  private static final double LEAST = -50;

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
    Tensor scores = numbers(logits);
    if (!adjustment.isNone()) {
      scores = numbers(adjustment.adjust(scores.cast(ScalarType.F64)));
    }
    if (o.temperature() == 0) {
      return scores.argMax(-1, true);
    }
    Tensor ranked = scores; // quotients of neighbours may be the same F32
    scores = scores.cast(ScalarType.F64).div(o.temperature());
    if (o.topK() == 0 && o.topP() == 1 && o.minP() == 0) {
      return draw(weights(scores), uniform);
    }
    long vocabulary = logits.shape().dim(-1);
    long kept = o.topK() == 0 ? vocabulary : Math.min(o.topK(), vocabulary);
    Tensor order = ranked.cast(ScalarType.F32).argSort(-1, true).slice(-1, 0, kept);
    Tensor weights = weights(scores.gather(-1, order));
    Tensor none = weights.scalarLike(0);
    if (o.topP() < 1) {
      Tensor sums = weights.cumSum(-1, false);
      Tensor limit = last(sums).mul(o.topP());
      Tensor before = last(sums).mul(0).concat(-1, sums.slice(-1, 0, kept - 1));
      weights = before.less(limit).where(weights, none);
    }
    if (o.minP() > 0) {
      weights = weights.greaterEqual(weights.scalarLike(o.minP())).where(weights, none);
    }
    return order.gather(-1, draw(weights, uniform));
  }

  /** −∞ for NaN. */
  private static Tensor numbers(Tensor scores) {
    Tensor least = scores.scalarLike(Double.NEGATIVE_INFINITY);
    return scores.equal(scores).where(scores, least);
  }

  /** exp(score − largest score); 1 for the largest, also where it is infinite. */
  private static Tensor weights(Tensor scores) {
    Tensor top = scores.max(true, -1);
    Tensor below = scores.sub(top);
    Tensor likely = below.greater(below.scalarLike(LEAST));
    Tensor weights = likely.where(below.exp(), below.scalarLike(0));
    return scores.equal(top).where(weights.scalarLike(1), weights);
  }

  /** The first place where the running sum exceeds u of the whole: [batch, 1] I64. */
  private static Tensor draw(Tensor weights, Tensor uniform) {
    Tensor sums = weights.cumSum(-1, false);
    Tensor total = last(sums);
    Tensor passed = sums.lessEqual(total.mul(uniform)).and(sums.less(total));
    return passed.cast(ScalarType.I64).sum(true, -1);
  }

  private static Tensor last(Tensor sums) {
    return sums.slice(-1, sums.shape().dim(-1) - 1, 1);
  }
}

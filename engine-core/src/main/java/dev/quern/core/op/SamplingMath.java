package dev.quern.core.op;

import dev.quern.core.op.SamplingOp.Sample;
import dev.quern.core.type.ScalarType;

/** {@link Sample} in smaller operations. */
final class SamplingMath {
  private SamplingMath() {}

  static Tensor sample(Sample o, Tensor logits, Tensor uniform) {
    Tensor x = numbers(logits);
    if (o.isGreedy()) {
      return x.argMax(-1, true);
    }
    Tensor scores = x.cast(ScalarType.F64).div(o.temperature());
    if (!o.isRanked()) {
      return draw(weights(scores), uniform);
    }
    long vocabulary = x.shape().dim(-1);
    long kept = o.topK() == 0 ? vocabulary : Math.min(o.topK(), vocabulary);
    Tensor order = x.argSort(-1, true).slice(-1, 0, kept);
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
    Tensor likely = below.greater(below.scalarLike(Sample.LEAST));
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

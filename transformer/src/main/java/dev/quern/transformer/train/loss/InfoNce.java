package dev.quern.transformer.train.loss;

import dev.quern.core.op.LossOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;

/**
 * InfoNCE (van den Oord, Li and Vinyals, "Representation learning with contrastive predictive
 * coding", 2018, equation 4) with negatives from the batch: queries [n, d] and keys [m, d], m ≥ n,
 * where key i belongs to query i and all others are its negatives. The mean over queries of −log
 * softmax(q·kᵀ/τ)[i, i]; symmetric (Radford et al., "Learning transferable visual models", 2021),
 * the mean of that and the same with queries and keys exchanged, for m = n.
 *
 * @param temperature τ, more than 0
 * @param normalise whether rows are first divided by their 2-norm, or by 10⁻¹² where that is less:
 *     then q·kᵀ holds cosines
 * @param symmetric whether keys look for their queries too
 */
public record InfoNce(double temperature, boolean normalise, boolean symmetric)
    implements Criterion {
  /**
   * A loss.
   *
   * @throws LossException if the temperature is not a positive number
   */
  public InfoNce {
    LossException.check(
        "info_nce", "temperature", temperature, Double.MIN_NORMAL, Double.MAX_VALUE);
  }

  /**
   * Over cosines, with queries looking for keys alone.
   *
   * @param temperature τ, more than 0
   * @throws LossException if the temperature is not a positive number
   */
  public InfoNce(double temperature) {
    this(temperature, true, false);
  }

  /**
   * The loss.
   *
   * @param prediction queries [n, d]
   * @param target keys [m, d], of the same dtype; they get gradients too
   * @return a scalar
   */
  @Override
  public Tensor of(Tensor prediction, Tensor target) {
    Shape q = prediction.shape();
    Shape k = target.shape();
    boolean fits =
        q.rank() == 2
            && k.rank() == 2
            && q.dim(1) == k.dim(1)
            && (symmetric ? k.dim(0) == q.dim(0) : k.dim(0) >= q.dim(0));
    if (!fits) {
      throw new ShapeException(
          "[info_nce] queries must be [n, d] and keys [m, d] with %s, not %s and %s"
              .formatted(symmetric ? "m = n" : "m ≥ n", prediction.spec(), target.spec()));
    }
    Tensor logits =
        unit(prediction).matmul(unit(target).transpose()).div(temperature); // logits: (n, m)
    Tensor own = prediction.arange(ScalarType.I64, q.dim(0));
    Tensor loss = mean(logits, own);
    return symmetric ? loss.add(mean(logits.transpose(), own)).mul(0.5) : loss;
  }

  private static Tensor mean(Tensor logits, Tensor own) {
    // no index is ignored: rows are from 0
    return logits.crossEntropy(own, new LossOp.CrossEntropy(-1, 0, LossOp.Reduction.MEAN, false));
  }

  private Tensor unit(Tensor x) {
    return normalise ? x.mul(x.mul(x).sum(true, -1).maximum(x.scalarLike(1e-24)).rsqrt()) : x;
  }
}

package dev.quern.transformer.train.optimizer;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Adafactor (Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost",
 * 2018, algorithms 4 to 6): of the second moment of a matrix only the means of rows and columns are
 * kept. With β̂₂ₜ = 1 − t^−decay, t = 1 at the first step, and RMS(x) = √mean(x²):
 *
 * <ul>
 *   <li>matrices: r ← β̂₂r + (1 − β̂₂)·mean over columns of (g² + ε₁), c likewise over rows, v̂ =
 *       r·cᵀ / mean(r); with more axes, the last two are the matrix;
 *   <li>vectors: v̂ = v ← β̂₂v + (1 − β̂₂)·(g² + ε₁);
 *   <li>u = g/√v̂, divided by max(1, RMS(u)/clip);
 *   <li>α = ρₜ · max(ε₂, RMS(p)), or ρₜ if the step is not scaled by the parameter; ρₜ = min(η,
 *       1/√t) if the step is relative, else η; the paper has η = 10⁻²;
 *   <li>with momentum m ← β₁m + (1 − β₁)·αu and p ← p − αλp − m, else p ← p − αλp − αu, λ the
 *       weight decay, which is not the paper's.
 * </ul>
 *
 * State: {@code row} and {@code column}, or {@code v}; {@code m} with momentum.
 *
 * @param decay exponent of β̂₂, 0.8 in the paper
 * @param eps ε₁, 10⁻³⁰ in the paper
 * @param scaleEps ε₂, 10⁻³ in the paper
 * @param clip the largest RMS of an update, 1 in the paper
 * @param beta1 β₁, 0 for no momentum
 * @param scaleParameter whether the step is scaled by the parameter's RMS
 * @param relativeStep whether the rate is limited by 1/√t
 * @param weightDecay λ of groups without their own
 */
public record Adafactor(
    double decay,
    double eps,
    double scaleEps,
    double clip,
    double beta1,
    boolean scaleParameter,
    boolean relativeStep,
    double weightDecay)
    implements Optimizer {
  private static final String ROW = "row";
  private static final String COLUMN = "column";
  private static final String SECOND = "v";
  private static final String FIRST = "m";

  /**
   * An optimiser.
   *
   * @throws OptimizerException if a number is out of range
   */
  public Adafactor {
    OptimizerException.check("adafactor", "decay", decay, 0, 1);
    OptimizerException.check("adafactor", "eps", eps, 0, 1);
    OptimizerException.check("adafactor", "scale_eps", scaleEps, 0, Double.MAX_VALUE);
    OptimizerException.check("adafactor", "clip", clip, Double.MIN_NORMAL, Double.MAX_VALUE);
    OptimizerException.checkBelow("adafactor", "beta1", beta1, 1);
    OptimizerException.check("adafactor", "weight_decay", weightDecay, 0, Double.MAX_VALUE);
  }

  @Override
  public Map<String, TensorSpec> state(TensorSpec parameter) {
    Map<String, TensorSpec> state = new LinkedHashMap<>();
    Shape s = parameter.shape();
    if (s.rank() >= 2) {
      state.put(ROW, parameter.as(s.remove(-1)));
      state.put(COLUMN, parameter.as(s.remove(-2)));
    } else {
      state.put(SECOND, parameter);
    }
    if (beta1 != 0) {
      state.put(FIRST, parameter);
    }
    return state;
  }

  @Override
  public int scalars() {
    return 6;
  }

  @Override
  public void scalars(StepContext at, double[] into) {
    double t = (double) at.step();
    double b1 = at.momentum(beta1);
    into[0] = relativeStep ? Math.min(at.rate(), 1 / Math.sqrt(t)) : at.rate();
    into[1] = at.weightDecay();
    into[3] = StrictMath.pow(t, -decay);
    into[2] = 1 - into[3];
    into[4] = b1;
    into[5] = 1 - b1;
  }

  @Override
  public void update(ParameterUpdate u) {
    Tensor p = u.parameter();
    Tensor g = u.gradient();
    Tensor square = g.mul(g).add(eps);
    Tensor step = g.mul(p.shape().rank() >= 2 ? factored(u, square) : whole(u, square));
    Tensor alpha = u.scalar(0);
    if (scaleParameter) {
      alpha = alpha.mul(rms(p).maximum(p.scalarLike(scaleEps)));
    }
    Tensor limit = rms(step).div(clip).maximum(p.scalarLike(1));
    step = step.mul(alpha.div(limit));
    if (beta1 != 0) {
      step = u.state(FIRST).mul(u.scalar(4)).add(step.mul(u.scalar(5)));
      u.assign(FIRST, step);
    }
    Tensor kept = u.decays() ? p.sub(p.mul(alpha.mul(u.scalar(1)))) : p;
    u.assign(kept.sub(step));
  }

  /** 1/√v̂ of a matrix. */
  private static Tensor factored(ParameterUpdate u, Tensor square) {
    Tensor row = average(u, ROW, square.mean(false, -1)); // row: (..., R)
    Tensor column = average(u, COLUMN, square.mean(false, -2)); // column: (..., C)
    Tensor relative = row.div(row.mean(true, -1)).rsqrt();
    return relative.unsqueeze(-1).mul(column.rsqrt().unsqueeze(-2));
  }

  /** 1/√v̂ of a vector. */
  private static Tensor whole(ParameterUpdate u, Tensor square) {
    return average(u, SECOND, square).rsqrt();
  }

  private static Tensor average(ParameterUpdate u, String key, Tensor fresh) {
    Tensor next = u.state(key).mul(u.scalar(2)).add(fresh.mul(u.scalar(3)));
    u.assign(key, next);
    return next;
  }

  private static Tensor rms(Tensor x) {
    return x.mul(x).mean().sqrt();
  }
}

package dev.quern.transformer.train.optimizer;

import dev.quern.core.type.TensorSpec;
import java.util.Map;

/**
 * Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1), with
 * AMSGrad (Reddi, Kale and Kumar, "On the convergence of Adam and beyond", 2018). With g ← g + λp,
 * λ the weight decay:
 *
 * <ul>
 *   <li>m ← β₁m + (1 − β₁)·g, v ← β₂v + (1 − β₂)·g²;
 *   <li>p ← p − η/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε), t = 1 at the first step; AMSGrad takes the
 *       largest v so far.
 * </ul>
 *
 * State: {@code m}, {@code v}, and {@code v_max} for AMSGrad. Weight decay that acts on the
 * parameter itself is {@link AdamW}.
 *
 * @param beta1 β₁, 0 ≤ β₁ &lt; 1
 * @param beta2 β₂, 0 ≤ β₂ &lt; 1
 * @param eps ε
 * @param weightDecay λ of groups without their own
 * @param amsgrad whether the largest second moment so far counts
 */
public record Adam(double beta1, double beta2, double eps, double weightDecay, boolean amsgrad)
    implements Optimizer {
  /**
   * An optimiser.
   *
   * @throws OptimizerException if a number is out of range
   */
  public Adam {
    new AdamMoments("adam", beta1, beta2, eps, amsgrad);
    OptimizerException.check("adam", "weight_decay", weightDecay, 0, Double.MAX_VALUE);
  }

  private AdamMoments moments() {
    return new AdamMoments("adam", beta1, beta2, eps, amsgrad);
  }

  @Override
  public Map<String, TensorSpec> state(TensorSpec parameter) {
    return moments().state(parameter);
  }

  @Override
  public int scalars() {
    return AdamMoments.SCALARS + 1;
  }

  @Override
  public void scalars(StepContext at, double[] into) {
    moments().scalars(at, into, 0);
    into[AdamMoments.SCALARS] = at.weightDecay();
  }

  @Override
  public void update(ParameterUpdate u) {
    moments().update(u, u.parameter(), Decay.coupled(u, AdamMoments.SCALARS), 0);
  }
}

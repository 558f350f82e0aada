package dev.quern.transformer.train.optimizer;

import dev.quern.core.type.TensorSpec;
import java.util.Map;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled weight decay regularization",
 * 2019, algorithm 2, with λ times the learning rate as PyTorch has it): p ← (1 − ηλ)·p, then as
 * {@link Adam} without λ.
 *
 * <p>State: {@code m}, {@code v}, and {@code v_max} for AMSGrad.
 *
 * @param beta1 β₁, 0 ≤ β₁ &lt; 1
 * @param beta2 β₂, 0 ≤ β₂ &lt; 1
 * @param eps ε
 * @param weightDecay λ of groups without their own
 * @param amsgrad whether the largest second moment so far counts
 */
public record AdamW(double beta1, double beta2, double eps, double weightDecay, boolean amsgrad)
    implements Optimizer {
  /**
   * An optimiser.
   *
   * @throws OptimizerException if a number is out of range
   */
  public AdamW {
    new AdamMoments("adamw", beta1, beta2, eps, amsgrad);
    OptimizerException.check("adamw", "weight_decay", weightDecay, 0, Double.MAX_VALUE);
  }

  private AdamMoments moments() {
    return new AdamMoments("adamw", beta1, beta2, eps, amsgrad);
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
    moments().scalars(at, into);
    into[AdamMoments.SCALARS] = 1 - at.rate() * at.weightDecay();
  }

  @Override
  public void update(ParameterUpdate u) {
    moments().update(u, Decay.decoupled(u, AdamMoments.SCALARS), u.gradient());
  }
}

package dev.quern.transformer.train.optimizer;

import dev.quern.core.op.BufferOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.TensorSpec;
import java.util.Map;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled weight decay regularization",
 * 2019, algorithm 2, with λ times the learning rate as PyTorch has it): p ← (1 − ηλ)·p, then as
 * {@link Adam} without λ.
 *
 * <p>One operation does all of it ({@link BufferOp.AdamW}), except with AMSGrad and where a
 * schedule moves β₁: these are in elementary operations.
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
  /** How many scalars the fused operation takes; they come first. */
  private static final int FUSED = 4;

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
    return FUSED + 1 + AdamMoments.SCALARS;
  }

  @Override
  public void scalars(StepContext at, double[] into) {
    double t = (double) at.step();
    into[0] = at.rate();
    into[1] = at.rate() * at.weightDecay();
    into[2] = 1 / (1 - StrictMath.pow(beta1, t));
    into[3] = 1 / Math.sqrt(1 - StrictMath.pow(beta2, t));
    into[FUSED] = 1 - into[1];
    moments().scalars(at, into, FUSED + 1);
  }

  @Override
  public void update(ParameterUpdate u) {
    if (amsgrad || u.momentumMoves()) {
      moments().update(u, Decay.decoupled(u, FUSED), u.gradient(), FUSED + 1);
      return;
    }
    Tensor p = u.parameter();
    p.adamW(
        u.rawGradient(),
        u.state(AdamMoments.FIRST),
        u.state(AdamMoments.SECOND),
        u.scalars().slice(0, 0, FUSED),
        u.scale(),
        new BufferOp.AdamW(beta1, beta2, eps));
  }
}

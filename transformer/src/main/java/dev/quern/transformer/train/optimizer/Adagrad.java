package dev.quern.transformer.train.optimizer;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.TensorSpec;
import java.util.Map;

/**
 * Adagrad (Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and
 * stochastic optimization", 2011). With g ← g + λp, λ the weight decay, and s = {@code initial}
 * before the first step:
 *
 * <ul>
 *   <li>s ← s + g²;
 *   <li>p ← p − η/(1 + (t − 1)·rateDecay) · g / (√s + ε), t = 1 at the first step.
 * </ul>
 *
 * State: {@code sum}, s.
 *
 * @param rateDecay how fast the learning rate falls
 * @param initial s before the first step
 * @param eps ε
 * @param weightDecay λ of groups without their own
 */
public record Adagrad(double rateDecay, double initial, double eps, double weightDecay)
    implements Optimizer {
  private static final String SUM = "sum";

  /**
   * An optimiser.
   *
   * @throws OptimizerException if a number is negative or infinite
   */
  public Adagrad {
    OptimizerException.check("adagrad", "rate_decay", rateDecay, 0, Double.MAX_VALUE);
    OptimizerException.check("adagrad", "initial", initial, 0, Double.MAX_VALUE);
    OptimizerException.check("adagrad", "eps", eps, 0, Double.MAX_VALUE);
    OptimizerException.check("adagrad", "weight_decay", weightDecay, 0, Double.MAX_VALUE);
  }

  @Override
  public Map<String, TensorSpec> state(TensorSpec parameter) {
    return Map.of(SUM, parameter);
  }

  @Override
  public int scalars() {
    return 3;
  }

  @Override
  public void scalars(StepContext at, double[] into) {
    into[0] = at.rate() / (1 + (at.step() - 1) * rateDecay);
    into[1] = at.weightDecay();
    into[2] = at.step() == 1 ? initial : 0; // state is zero before the first step
  }

  @Override
  public void update(ParameterUpdate u) {
    Tensor g = Decay.coupled(u, 1);
    Tensor before = initial == 0 ? u.state(SUM) : u.state(SUM).add(u.scalar(2));
    Tensor s = before.add(g.mul(g));
    u.assign(u.parameter().sub(g.div(s.sqrt().add(eps)).mul(u.scalar(0))));
    u.assign(SUM, s);
  }
}

package dev.quern.transformer.train.optimizer;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.TensorSpec;
import java.util.Map;

/**
 * Stochastic gradient descent with momentum (Sutskever, Martens, Dahl and Hinton, "On the
 * importance of initialization and momentum in deep learning", 2013, in the form that PyTorch
 * uses). With g ← g + λp, λ the weight decay:
 *
 * <ul>
 *   <li>b ← μb + (1 − dampening)·g, and b = g at the first step;
 *   <li>p ← p − η·(g + μb) with Nesterov's momentum, else p ← p − η·b.
 * </ul>
 *
 * State: {@code momentum}, if μ is not 0.
 *
 * @param momentum μ, 0 ≤ μ &lt; 1
 * @param dampening 0 to 1
 * @param nesterov whether the step looks ahead; needs momentum, and no dampening
 * @param weightDecay λ of groups without their own
 */
public record Sgd(double momentum, double dampening, boolean nesterov, double weightDecay)
    implements Optimizer {
  private static final String MOMENTUM = "momentum";

  /**
   * An optimiser.
   *
   * @throws OptimizerException if a number is out of range, or Nesterov's momentum lacks momentum
   *     or has dampening
   */
  public Sgd {
    OptimizerException.checkBelow("sgd", "momentum", momentum, 1);
    OptimizerException.check("sgd", "dampening", dampening, 0, 1);
    OptimizerException.check("sgd", "weight_decay", weightDecay, 0, Double.MAX_VALUE);
    if (nesterov && (momentum == 0 || dampening != 0)) {
      throw new OptimizerException(
          "[sgd] nesterov with momentum=%s and dampening=%s; it needs momentum above 0 and dampening 0"
              .formatted(momentum, dampening));
    }
  }

  @Override
  public Map<String, TensorSpec> state(TensorSpec parameter) {
    return momentum == 0 ? Map.of() : Map.of(MOMENTUM, parameter);
  }

  @Override
  public int scalars() {
    return 4;
  }

  @Override
  public void scalars(StepContext at, double[] into) {
    into[0] = at.rate();
    into[1] = at.weightDecay();
    into[2] = at.momentum(momentum);
    into[3] = at.step() == 1 ? 1 : 1 - dampening;
  }

  @Override
  public void update(ParameterUpdate u) {
    Tensor g = Decay.coupled(u, 1);
    Tensor p = u.parameter();
    if (momentum == 0) {
      u.assign(p.sub(g.mul(u.scalar(0))));
      return;
    }
    Tensor mu = u.scalar(2);
    Tensor fresh = dampening == 0 ? g : g.mul(u.scalar(3));
    Tensor b = u.state(MOMENTUM).mul(mu).add(fresh);
    Tensor step = nesterov ? g.add(b.mul(mu)) : b;
    u.assign(p.sub(step.mul(u.scalar(0))));
    u.assign(MOMENTUM, b);
  }
}

package dev.quern.transformer.train.optimizer;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.TensorSpec;
import java.util.Map;

/**
 * Lion (Chen et al., "Symbolic discovery of optimization algorithms", 2023, algorithm 2), with
 * decoupled weight decay λ:
 *
 * <ul>
 *   <li>p ← (1 − ηλ)·p − η·sign(β₁m + (1 − β₁)·g);
 *   <li>m ← β₂m + (1 − β₂)·g.
 * </ul>
 *
 * State: {@code m}. Its steps are larger than Adam's: the paper takes a rate 3 to 10 times smaller,
 * and a weight decay as much larger.
 *
 * @param beta1 β₁, 0 ≤ β₁ &lt; 1
 * @param beta2 β₂, 0 ≤ β₂ &lt; 1
 * @param weightDecay λ of groups without their own
 */
public record Lion(double beta1, double beta2, double weightDecay) implements Optimizer {
  private static final String FIRST = "m";

  /**
   * An optimiser.
   *
   * @throws OptimizerException if a number is out of range
   */
  public Lion {
    OptimizerException.checkBelow("lion", "beta1", beta1, 1);
    OptimizerException.checkBelow("lion", "beta2", beta2, 1);
    OptimizerException.check("lion", "weight_decay", weightDecay, 0, Double.MAX_VALUE);
  }

  @Override
  public Map<String, TensorSpec> state(TensorSpec parameter) {
    return Map.of(FIRST, parameter);
  }

  @Override
  public int scalars() {
    return 6;
  }

  @Override
  public void scalars(StepContext at, double[] into) {
    double b1 = at.momentum(beta1);
    into[0] = at.rate();
    into[1] = 1 - at.rate() * at.weightDecay();
    into[2] = b1;
    into[3] = 1 - b1;
    into[4] = beta2;
    into[5] = 1 - beta2;
  }

  @Override
  public void update(ParameterUpdate u) {
    Tensor g = u.gradient();
    Tensor m = u.state(FIRST);
    Tensor direction = sign(m.mul(u.scalar(2)).add(g.mul(u.scalar(3))));
    u.assign(Decay.decoupled(u, 1).sub(direction.mul(u.scalar(0))));
    u.assign(FIRST, m.mul(u.scalar(4)).add(g.mul(u.scalar(5))));
  }

  /** −1, 0 or 1; NaN stays NaN. */
  private static Tensor sign(Tensor x) {
    Tensor zero = x.scalarLike(0);
    Tensor negative = x.less(zero).where(x.scalarLike(-1), x);
    return x.greater(zero).where(x.scalarLike(1), negative);
  }
}

package dev.quern.transformer.train.optimizer;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.TensorSpec;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * RMSProp (Tieleman and Hinton, "Lecture 6.5", 2012; centred: Graves, "Generating sequences with
 * recurrent neural networks", 2013, equations 38 to 45). With g ← g + λp, λ the weight decay:
 *
 * <ul>
 *   <li>v ← αv + (1 − α)·g²; d = √v + ε;
 *   <li>centred: a ← αa + (1 − α)·g; d = √(v − a²) + ε, where rounding to less than 0 counts as 0;
 *   <li>p ← p − η·g/d; with momentum b ← μb + g/d, p ← p − η·b.
 * </ul>
 *
 * State: {@code v}, {@code a} if centred, {@code momentum} if μ is not 0.
 *
 * @param alpha α, 0 ≤ α &lt; 1
 * @param eps ε
 * @param momentum μ, 0 ≤ μ &lt; 1
 * @param centered whether the gradient's mean is taken off its mean square
 * @param weightDecay λ of groups without their own
 */
public record RmsProp(
    double alpha, double eps, double momentum, boolean centered, double weightDecay)
    implements Optimizer {
  private static final String SQUARE = "v";
  private static final String MEAN = "a";
  private static final String MOMENTUM = "momentum";

  /**
   * An optimiser.
   *
   * @throws OptimizerException if a number is out of range
   */
  public RmsProp {
    OptimizerException.checkBelow("rmsprop", "alpha", alpha, 1);
    OptimizerException.check("rmsprop", "eps", eps, 0, Double.MAX_VALUE);
    OptimizerException.checkBelow("rmsprop", "momentum", momentum, 1);
    OptimizerException.check("rmsprop", "weight_decay", weightDecay, 0, Double.MAX_VALUE);
  }

  @Override
  public Map<String, TensorSpec> state(TensorSpec parameter) {
    Map<String, TensorSpec> state = new LinkedHashMap<>();
    state.put(SQUARE, parameter);
    if (centered) {
      state.put(MEAN, parameter);
    }
    if (momentum != 0) {
      state.put(MOMENTUM, parameter);
    }
    return state;
  }

  @Override
  public int scalars() {
    return 5;
  }

  @Override
  public void scalars(StepContext at, double[] into) {
    into[0] = at.rate();
    into[1] = at.weightDecay();
    into[2] = alpha;
    into[3] = 1 - alpha;
    into[4] = at.momentum(momentum);
  }

  @Override
  public void update(ParameterUpdate u) {
    Tensor g = Decay.coupled(u, 1);
    Tensor v = u.state(SQUARE).mul(u.scalar(2)).add(g.mul(g).mul(u.scalar(3)));
    Tensor spread = v;
    if (centered) {
      Tensor a = u.state(MEAN).mul(u.scalar(2)).add(g.mul(u.scalar(3)));
      spread = v.sub(a.mul(a)).relu();
      u.assign(MEAN, a);
    }
    Tensor step = g.div(spread.sqrt().add(eps));
    if (momentum != 0) {
      step = u.state(MOMENTUM).mul(u.scalar(4)).add(step);
      u.assign(MOMENTUM, step);
    }
    u.assign(u.parameter().sub(step.mul(u.scalar(0))));
    u.assign(SQUARE, v);
  }
}

package dev.quern.transformer.train.optimizer;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.TensorSpec;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What Adam and AdamW share: the moments of the gradient and the step that follows from them.
 *
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param eps added to the root
 * @param amsgrad whether the largest second moment so far counts
 */
record AdamMoments(String of, double beta1, double beta2, double eps, boolean amsgrad) {
  static final String FIRST = "m";
  static final String SECOND = "v";
  static final String LARGEST = "v_max";

  /** How many scalars this takes: η/(1 − β₁ᵗ), √(1 − β₂ᵗ), β₁, 1 − β₁, β₂, 1 − β₂. */
  static final int SCALARS = 6;

  AdamMoments {
    OptimizerException.checkBelow(of, "beta1", beta1, 1);
    OptimizerException.checkBelow(of, "beta2", beta2, 1);
    OptimizerException.check(of, "eps", eps, 0, Double.MAX_VALUE);
  }

  Map<String, TensorSpec> state(TensorSpec parameter) {
    Map<String, TensorSpec> state = new LinkedHashMap<>();
    state.put(FIRST, parameter);
    state.put(SECOND, parameter);
    if (amsgrad) {
      state.put(LARGEST, parameter);
    }
    return state;
  }

  /** Computes the scalars, from that index on. */
  void scalars(StepContext at, double[] into, int from) {
    double b1 = at.momentum(beta1);
    double t = (double) at.step();
    into[from] = at.rate() / (1 - StrictMath.pow(b1, t));
    into[from + 1] = Math.sqrt(1 - StrictMath.pow(beta2, t));
    into[from + 2] = b1;
    into[from + 3] = 1 - b1;
    into[from + 4] = beta2;
    into[from + 5] = 1 - beta2;
  }

  /** Moves p by the gradient g; the scalars are from that index on. */
  void update(ParameterUpdate u, Tensor p, Tensor g, int from) {
    Tensor m = u.state(FIRST).mul(u.scalar(from + 2)).add(g.mul(u.scalar(from + 3)));
    Tensor square = g.mul(g).mul(u.scalar(from + 5));
    Tensor v = u.state(SECOND).mul(u.scalar(from + 4)).add(square);
    Tensor largest = amsgrad ? u.state(LARGEST).maximum(v) : v;
    Tensor root = largest.sqrt().div(u.scalar(from + 1)).add(eps);
    u.assign(p.sub(m.div(root).mul(u.scalar(from))));
    u.assign(FIRST, m);
    u.assign(SECOND, v);
    if (amsgrad) {
      u.assign(LARGEST, largest);
    }
  }
}

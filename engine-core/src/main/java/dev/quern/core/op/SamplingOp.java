package dev.quern.core.op;

import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.List;

/** The choice of a token from logits. */
public sealed interface SamplingOp extends Op {

  /**
   * One token for each row of logits. With x the logits (a NaN counts as −∞), temperature T, s = x
   * / T in F64, and the weight w[i] = exp(s[i] − max s), 1 where s[i] is the largest (also where it
   * is infinite) and 0 where s[i] − max s ≤ −50:
   *
   * <ol>
   *   <li>T = 0: the first largest x, and nothing else is looked at.
   *   <li>No cut (k = 0, p = 1, m = 0): tokens lie side by side in the order of their ids, each as
   *       wide as its weight; taken is the one at u · Σ w.
   *   <li>Otherwise they lie in the order of x, the largest first, equal ones by id. Kept are the
   *       first k (top-k, Fan et al. 2018; 0: all), of these the first whose weights before them
   *       add up to less than p times the weight of all that were kept (top-p, Holtzman et al.
   *       2020), of these those with w ≥ m (min-p, Nguyen et al. 2024). Taken is the one at u times
   *       the weight of what is left.
   * </ol>
   *
   * <p>The sums are F64, in any order: kernels may differ where a sum is within rounding (1e-13) of
   * the border between two tokens. What has no weight is never taken.
   *
   * <p>Inputs logits [b, v] (F32|F64, v ≥ 1), u [b, 1] F64 in [0, 1). Output [b, 1] I64. No
   * gradient: the result is an index.
   *
   * @param temperature T ≥ 0, finite
   * @param topK k ≥ 0; 0 keeps all
   * @param topP p in (0, 1]; 1 keeps all
   * @param minP m in [0, 1]; 0 keeps all
   */
  record Sample(double temperature, int topK, double topP, double minP) implements SamplingOp {
    /** As little as e^−50 of the largest weight is not drawn: no draw of 53 bits can tell. */
    public static final double LEAST = -50;

    /**
     * A checked chain.
     *
     * @throws IllegalArgumentException naming the value that is out of range
     */
    public Sample {
      boolean warm = temperature >= 0 && temperature <= Double.MAX_VALUE;
      require(warm, "temperature", temperature, "at least 0 and finite");
      require(topK >= 0, "topK", topK, "at least 0");
      require(topP > 0 && topP <= 1, "topP", topP, "in (0, 1]");
      require(minP >= 0 && minP <= 1, "minP", minP, "in [0, 1]");
    }

    private static void require(boolean ok, String name, double value, String wanted) {
      if (!ok) {
        throw new IllegalArgumentException(
            "[sample] '" + name + "' is " + value + "; it must be " + wanted);
      }
    }

    /**
     * Whether it takes the largest, and no chance.
     *
     * @return true if the temperature is 0
     */
    public boolean isGreedy() {
      return temperature == 0;
    }

    /**
     * Whether tokens are dropped by their rank, so that they lie in its order.
     *
     * @return true if there is a cut
     */
    public boolean isRanked() {
      return topK > 0 || topP < 1 || minP > 0;
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 2);
      TensorSpec x = in.getFirst();
      Infer.require(this, x, "logits", ScalarType.F32, ScalarType.F64);
      if (x.shape().rank() != 2 || x.shape().dim(1) == 0) {
        throw new ShapeException(
            "[sample] logits must be [batch, vocabulary] with at least one token, got "
                + x
                + "; reshape them");
      }
      Infer.require(this, in.get(1), "uniform", ScalarType.F64);
      Infer.shape(this, in.get(1), "uniform", x.shape().with(1, 1));
      return List.of(new TensorSpec(ScalarType.I64, x.shape().with(1, 1)));
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(SamplingMath.sample(this, in.get(0), in.get(1)));
    }
  }
}

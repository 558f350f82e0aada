package dev.quern.core.op;

import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Dropout, whose chance comes from a seed that is an input. */
public sealed interface DropoutOp extends Op {

  /**
   * Dropout (Srivastava et al. 2014): y[i] = x[i] / (1 − p) where u[i] ≥ p, else 0, with u the
   * uniform numbers of {@link CreateOp.RandomUniform} for the same seed, so that bits depend on
   * neither threads nor backend. It uses ⌈n/4⌉ counters for n elements. Inputs x (floating point),
   * seed I64 [2] (seed and offset). The gradient is the same dropout of the gradient: nothing but
   * the seed is kept.
   *
   * @param p the share that becomes 0, 0 ≤ p &lt; 1
   */
  record Dropout(float p) implements DropoutOp {
    /**
     * A checked rate.
     *
     * @throws IllegalArgumentException if it is not in [0, 1)
     */
    public Dropout {
      if (!(p >= 0 && p < 1)) {
        throw new IllegalArgumentException("[dropout] p must be in [0, 1), got " + p);
      }
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 2);
      Infer.floating(this, in.subList(0, 1));
      Infer.require(this, in.get(1), "seed", ScalarType.I64);
      Infer.shape(this, in.get(1), "seed", Shape.of(2));
      return List.of(in.getFirst());
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor x = in.get(0);
      Op random = new CreateOp.RandomUniform(ScalarType.F32, x.shape());
      Tensor u = x.executor().one(random, in.get(1));
      Tensor kept = x.mul(1 / (1 - (double) p));
      return List.of(u.less(u.scalarLike(p)).where(kept.scalarLike(0), kept));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward pass) {
      return Arrays.asList(
          pass.gradient().executor().one(this, pass.gradient(), pass.input(1)), null);
    }
  }
}

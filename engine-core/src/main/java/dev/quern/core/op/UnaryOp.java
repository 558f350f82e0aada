package dev.quern.core.op;

import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Elementwise functions of one input: x of any shape, result of the same dtype and shape. Those
 * marked "numbers" also take integers; {@link Not} takes BOOL; the rest take floating point.
 */
public sealed interface UnaryOp extends Op {

  /** −x. Numbers. */
  record Neg() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(p.gradient().neg());
    }
  }

  /** |x|. Numbers. Its gradient at 0 is 0. */
  record Abs() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      Tensor zero = g.scalarLike(0);
      Tensor x = p.input(0);
      return List.of(x.greater(zero).where(g, x.less(zero).where(g.neg(), zero)));
    }
  }

  /** e^x. */
  record Exp() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(p.gradient().mul(p.output()));
    }
  }

  /** Natural logarithm. */
  record Log() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(p.gradient().div(p.input(0)));
    }
  }

  /** √x. */
  record Sqrt() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(p.gradient().mul(0.5).div(p.output()));
    }
  }

  /** 1/√x. */
  record Rsqrt() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor y = p.output();
      return List.of(p.gradient().mul(-0.5).mul(y.mul(y).mul(y)));
    }
  }

  /** 1/x. */
  record Reciprocal() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor y = p.output();
      return List.of(p.gradient().neg().mul(y.mul(y)));
    }
  }

  /** Hyperbolic tangent. */
  record Tanh() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor y = p.output();
      return List.of(p.gradient().mul(y.mul(y).neg().add(1)));
    }
  }

  /** Error function, 2/√π ∫₀ˣ e^(−t²) dt. */
  record Erf() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor x = p.input(0);
      return List.of(p.gradient().mul(x.mul(x).neg().exp().mul(2 / Math.sqrt(Math.PI))));
    }
  }

  /** 1/(1 + e^−x). */
  record Sigmoid() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor y = p.output();
      return List.of(p.gradient().mul(y.mul(y.neg().add(1))));
    }
  }

  /** Sine, radians. */
  record Sin() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(p.gradient().mul(p.input(0).cos()));
    }
  }

  /** Cosine, radians. */
  record Cos() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(p.gradient().mul(p.input(0).sin().neg()));
    }
  }

  /** max(x, 0); NaN stays NaN. Its gradient at 0 is 0. */
  record Relu() implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      Tensor zero = g.scalarLike(0);
      return List.of(p.input(0).lessEqual(zero).where(zero, g));
    }
  }

  /**
   * The Gaussian error linear unit (Hendrycks and Gimpel 2016): x·Φ(x), exactly with erf, or
   * 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
   *
   * @param tanh true for the tanh formula
   */
  record Gelu(boolean tanh) implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return one(p, new ActivationGradOp.GeluGrad(tanh));
    }
  }

  /** x·sigmoid(x), also called swish. */
  record Silu() implements UnaryOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(in.getFirst().mul(in.getFirst().sigmoid()));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return one(p, new ActivationGradOp.SiluGrad());
    }
  }

  /**
   * min(max(x, low), high). Numbers. Its gradient passes where x equals a bound.
   *
   * @param low lower bound; −∞ for none
   * @param high upper bound; +∞ for none
   */
  record Clip(double low, double high) implements UnaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      Tensor x = p.input(0);
      Tensor inside = x.greaterEqual(x.scalarLike(low)).and(x.lessEqual(x.scalarLike(high)));
      return List.of(inside.where(g, g.scalarLike(0)));
    }
  }

  /** Logical negation of BOOL. */
  record Not() implements UnaryOp {}

  private static List<@Nullable Tensor> one(Backward p, Op grad) {
    Tensor g = p.gradient();
    return List.of(g.executor().one(grad, g, p.input(0)));
  }

  @Override
  default List<TensorSpec> infer(List<TensorSpec> in) {
    Infer.arity(this, in, 1);
    switch (this) {
      case Neg _, Abs _, Clip _ -> Infer.numeric(this, in);
      case Not _ -> Infer.require(this, in.getFirst(), "x", ScalarType.BOOL);
      default -> Infer.floating(this, in);
    }
    return in;
  }

  @Override
  default @Nullable List<Tensor> decompose(List<Tensor> inputs) {
    return null;
  }
}

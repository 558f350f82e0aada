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
  record Neg() implements UnaryOp {}

  /** |x|. Numbers. */
  record Abs() implements UnaryOp {}

  /** e^x. */
  record Exp() implements UnaryOp {}

  /** Natural logarithm. */
  record Log() implements UnaryOp {}

  /** √x. */
  record Sqrt() implements UnaryOp {}

  /** 1/√x. */
  record Rsqrt() implements UnaryOp {}

  /** 1/x. */
  record Reciprocal() implements UnaryOp {}

  /** Hyperbolic tangent. */
  record Tanh() implements UnaryOp {}

  /** Error function, 2/√π ∫₀ˣ e^(−t²) dt. */
  record Erf() implements UnaryOp {}

  /** 1/(1 + e^−x). */
  record Sigmoid() implements UnaryOp {}

  /** Sine, radians. */
  record Sin() implements UnaryOp {}

  /** Cosine, radians. */
  record Cos() implements UnaryOp {}

  /** max(x, 0); NaN stays NaN. */
  record Relu() implements UnaryOp {}

  /**
   * The Gaussian error linear unit (Hendrycks and Gimpel 2016): x·Φ(x), exactly with erf, or
   * 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
   *
   * @param tanh true for the tanh formula
   */
  record Gelu(boolean tanh) implements UnaryOp {}

  /** x·sigmoid(x), also called swish. */
  record Silu() implements UnaryOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(in.getFirst().mul(in.getFirst().sigmoid()));
    }
  }

  /**
   * min(max(x, low), high). Numbers.
   *
   * @param low lower bound; −∞ for none
   * @param high upper bound; +∞ for none
   */
  record Clip(double low, double high) implements UnaryOp {}

  /** Logical negation of BOOL. */
  record Not() implements UnaryOp {}

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

package dev.quern.core.onnx;

import dev.quern.core.onnx.OnnxCase.Uncovered;
import dev.quern.core.onnx.OnnxOps.Expression;
import dev.quern.core.op.BinaryOp.SwiGlu;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.util.List;
import java.util.Map;
import java.util.function.BinaryOperator;

/** Arithmetic, comparison, logic, functions of one number, activations, conversions. */
final class OnnxElementwise {
  private OnnxElementwise() {}

  static void add(Map<String, Expression> ops) {
    arithmetic(ops);
    functions(ops);
    activations(ops);
    comparisons(ops);
    conversions(ops);
  }

  private static void binary(Map<String, Expression> ops, String name, BinaryOperator<Tensor> f) {
    ops.put(name, c -> List.of(f.apply(c.in(0), c.in(1))));
  }

  private static void arithmetic(Map<String, Expression> ops) {
    binary(ops, "Add", Tensor::add);
    binary(ops, "Sub", Tensor::sub);
    binary(ops, "Mul", Tensor::mul);
    binary(ops, "Div", Tensor::div);
    binary(ops, "Pow", OnnxElementwise::pow);
    ops.put("Max", c -> List.of(fold(c, Tensor::maximum)));
    ops.put("Min", c -> List.of(fold(c, Tensor::minimum)));
    ops.put("Sum", c -> List.of(fold(c, Tensor::add)));
    ops.put("Mean", c -> List.of(fold(c, Tensor::add).mul(1.0 / c.inputCount())));
    ops.put("Clip", c -> List.of(clip(c)));
  }

  private static Tensor fold(OnnxCase c, BinaryOperator<Tensor> f) {
    Tensor r = c.in(0);
    for (int i = 1; i < c.inputCount(); i++) {
      r = f.apply(r, c.in(i));
    }
    return r;
  }

  /** The exponent may have another dtype; the result has the base's. */
  private static Tensor pow(Tensor a, Tensor b) {
    if (a.dtype() == b.dtype()) {
      return a.pow(b);
    }
    return a.cast(ScalarType.F64).pow(b.cast(ScalarType.F64)).cast(a.dtype());
  }

  private static Tensor clip(OnnxCase c) {
    Tensor x = c.has(1) ? c.in(0).maximum(c.in(1)) : c.in(0);
    return c.has(2) ? x.minimum(c.in(2)) : x;
  }

  private static void unary(
      Map<String, Expression> ops, String name, java.util.function.UnaryOperator<Tensor> f) {
    ops.put(name, c -> List.of(f.apply(c.in(0))));
  }

  private static void functions(Map<String, Expression> ops) {
    unary(ops, "Abs", Tensor::abs);
    unary(ops, "Neg", Tensor::neg);
    unary(ops, "Exp", Tensor::exp);
    unary(ops, "Log", Tensor::log);
    unary(ops, "Sqrt", Tensor::sqrt);
    unary(ops, "Reciprocal", Tensor::reciprocal);
    unary(ops, "Erf", Tensor::erf);
    unary(ops, "Sin", Tensor::sin);
    unary(ops, "Cos", Tensor::cos);
    unary(ops, "Tan", x -> x.sin().div(x.cos()));
    unary(ops, "Tanh", Tensor::tanh);
    unary(ops, "Sinh", x -> x.exp().sub(x.neg().exp()).mul(0.5));
    unary(ops, "Cosh", x -> x.exp().add(x.neg().exp()).mul(0.5));
    unary(ops, "Asinh", x -> x.add(x.mul(x).add(1).sqrt()).log());
    unary(ops, "Acosh", x -> x.add(x.mul(x).sub(1).sqrt()).log());
    unary(ops, "Atanh", x -> x.add(1).div(x.neg().add(1)).log().mul(0.5));
  }

  private static void activations(Map<String, Expression> ops) {
    unary(ops, "Relu", Tensor::relu);
    unary(ops, "Sigmoid", Tensor::sigmoid);
    unary(ops, "Softplus", x -> x.exp().add(1).log());
    unary(ops, "Softsign", x -> x.div(x.abs().add(1)));
    unary(ops, "Mish", x -> x.mul(x.exp().add(1).log().tanh()));
    unary(ops, "HardSwish", x -> x.mul(x.mul(1.0 / 6).add(0.5).clip(0, 1)));
    binary(ops, "SwiGLU", (gate, up) -> gate.executor().one(new SwiGlu(), gate, up));
    binary(ops, "PRelu", (x, slope) -> x.relu().add(x.minimum(x.scalarLike(0)).mul(slope)));
    ops.put(
        "Gelu",
        c ->
            List.of(
                c.text("approximate", "none").equals("tanh")
                    ? c.in(0).geluTanh()
                    : c.in(0).gelu()));
    ops.put(
        "HardSigmoid",
        c -> List.of(c.in(0).mul(c.number("alpha", 0.2)).add(c.number("beta", 0.5)).clip(0, 1)));
    ops.put("LeakyRelu", c -> List.of(negative(c.in(0), n -> n.mul(c.number("alpha", 0.01)))));
    ops.put("Elu", c -> List.of(negative(c.in(0), n -> n.exp().sub(1).mul(c.number("alpha", 1)))));
    ops.put(
        "Celu",
        c -> {
          double alpha = c.number("alpha", 1);
          return List.of(negative(c.in(0), n -> n.mul(1 / alpha).exp().sub(1).mul(alpha)));
        });
    ops.put(
        "Selu",
        c -> {
          double alpha = c.number("alpha", 1.6732632423543772);
          double gamma = c.number("gamma", 1.0507009873554805);
          return List.of(negative(c.in(0), n -> n.exp().sub(1).mul(alpha)).mul(gamma));
        });
    ops.put(
        "ThresholdedRelu",
        c -> {
          Tensor x = c.in(0);
          Tensor above = x.greater(x.scalarLike(c.number("alpha", 1)));
          return List.of(above.where(x, x.scalarLike(0)));
        });
  }

  /** x where it is positive, else f(x). */
  private static Tensor negative(Tensor x, java.util.function.UnaryOperator<Tensor> f) {
    return x.greater(x.scalarLike(0)).where(x, f.apply(x));
  }

  private static void comparisons(Map<String, Expression> ops) {
    binary(ops, "Equal", Tensor::equal);
    binary(ops, "Less", Tensor::less);
    binary(ops, "LessOrEqual", Tensor::lessEqual);
    binary(ops, "Greater", Tensor::greater);
    binary(ops, "GreaterOrEqual", Tensor::greaterEqual);
    binary(ops, "And", Tensor::and);
    binary(ops, "Or", Tensor::or);
    binary(ops, "Xor", Tensor::xor);
    unary(ops, "Not", Tensor::not);
    unary(ops, "IsNaN", x -> x.notEqual(x));
    unary(ops, "IsInf", x -> x.abs().equal(x.scalarLike(Double.POSITIVE_INFINITY)));
    ops.put("Where", c -> List.of(c.in(0).where(c.in(1), c.in(2))));
  }

  private static void conversions(Map<String, Expression> ops) {
    ops.put("Cast", c -> List.of(cast(c, c.dtype("to"))));
    ops.put("CastLike", c -> List.of(cast(c, c.in(1).dtype())));
    ops.put("DequantizeLinear", c -> List.of(c.in(0).cast(ScalarType.F32).mul(scale(c, 0))));
    ops.put("QuantizeLinear", c -> List.of(c.in(0).div(scale(c, 2)).cast(ScalarType.F8_E4M3)));
    ops.put("Identity", c -> List.of(c.in(0)));
  }

  /** The one scale of numbers in 8-bit floats, whose zero point is always 0. */
  private static Tensor scale(OnnxCase c, int quantized) {
    if (c.in(quantized).dtype() != ScalarType.F8_E4M3 || c.in(1).shape().elements() != 1) {
      throw new Uncovered("scales of integers");
    }
    return c.in(1);
  }

  /** Beyond the largest 8-bit float Quern saturates, always. */
  private static Tensor cast(OnnxCase c, DType to) {
    if (c.integer("saturate", 1) == 0) {
      throw new Uncovered("saturate = 0");
    }
    return c.in(0).cast(to);
  }
}

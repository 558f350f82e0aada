package dev.quern.core.torch;

import static dev.quern.core.torch.TorchOps.put;

import dev.quern.core.op.Tensor;
import java.util.function.UnaryOperator;

/** Functions of single elements. */
final class TorchElementwise {
  private TorchElementwise() {}

  static void add() {
    unary("neg", Tensor::neg);
    unary("exp", Tensor::exp);
    unary("log", Tensor::log);
    unary("sqrt", Tensor::sqrt);
    unary("rsqrt", Tensor::rsqrt);
    unary("reciprocal", Tensor::reciprocal);
    unary("tanh", Tensor::tanh);
    unary("erf", Tensor::erf);
    unary("sigmoid", Tensor::sigmoid);
    unary("sin", Tensor::sin);
    unary("cos", Tensor::cos);
    unary("abs", Tensor::abs);
    unary("relu", Tensor::relu);
    unary("silu", Tensor::silu);
    put("add", c -> c.operand("input").add(scaled(c)));
    put("sub", c -> c.operand("input").sub(scaled(c)));
    put("mul", c -> c.operand("input").mul(c.operand("other")));
    put("div", c -> c.operand("input").div(c.operand("other")));
    put("pow", c -> c.operand(c.isSet("self") ? "self" : "input").pow(c.operand("exponent")));
    put("maximum", c -> c.in("input").maximum(c.in("other")));
    put("minimum", c -> c.in("input").minimum(c.in("other")));
    put("where", c -> c.in("condition").where(c.operand("input"), c.operand("other")));
    put(
        "gelu",
        c ->
            c.text("approximate", "none").equals("tanh")
                ? c.in("input").geluTanh()
                : c.in("input").gelu());
    put(
        "clamp",
        c ->
            c.in("input")
                .clip(
                    c.number("min", Double.NEGATIVE_INFINITY),
                    c.number("max", Double.POSITIVE_INFINITY)));
    put("leaky_relu", c -> leakyRelu(c.in("input"), c.number("negative_slope", 0.01)));
    put("elu", c -> elu(c.in("input"), c.number("alpha", 1)));
    put("softplus", c -> softplus(c.in("input"), c.number("beta", 1), c.number("threshold", 20)));
  }

  private static void unary(String name, UnaryOperator<Tensor> f) {
    put(name, c -> f.apply(c.in("input")));
  }

  private static Tensor scaled(TorchCase c) {
    double alpha = c.number("alpha", 1);
    Tensor other = c.operand("other");
    return alpha == 1 ? other : other.mul(alpha);
  }

  private static Tensor leakyRelu(Tensor x, double slope) {
    return x.greater(x.scalarLike(0)).where(x, x.mul(slope));
  }

  private static Tensor elu(Tensor x, double alpha) {
    Tensor low = x.clip(Double.NEGATIVE_INFINITY, 0).exp().sub(1).mul(alpha);
    return x.greater(x.scalarLike(0)).where(x, low);
  }

  private static Tensor softplus(Tensor x, double beta, double threshold) {
    Tensor z = x.mul(beta);
    Tensor curved = z.clip(Double.NEGATIVE_INFINITY, threshold).exp().add(1).log().div(beta);
    return z.greater(z.scalarLike(threshold)).where(x, curved);
  }
}

package dev.quern.core.op;

import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * Gradients of activations in one pass: the first input is the gradient g of the activation's
 * result, of floating point. They have gradients themselves, through their decomposition.
 */
public sealed interface ActivationGradOp extends Op {

  /** Of {@link UnaryOp.Silu}: g·s·(1 + x·(1 − s)), s = sigmoid(x). Inputs g, x of one shape. */
  record SiluGrad() implements ActivationGradOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(in.get(0).mul(slope(in.get(1))));
    }

    static Tensor slope(Tensor x) {
      Tensor s = x.sigmoid();
      return s.mul(x.mul(s.neg().add(1)).add(1));
    }
  }

  /**
   * Of {@link UnaryOp.Gelu}: g·(Φ(x) + x·φ(x)), with Φ and φ the normal distribution and its
   * density; or the derivative of the tanh formula, g·(s + x·s·(1 − s)·u'), with s = sigmoid(u), u
   * = 2·√(2/π)·(x + 0.044715·x³). Inputs g, x of one shape.
   *
   * @param tanh true for the tanh formula
   */
  record GeluGrad(boolean tanh) implements ActivationGradOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(in.get(0).mul(slope(in.get(1), tanh)));
    }

    static Tensor slope(Tensor x, boolean tanh) {
      Tensor square = x.mul(x);
      if (!tanh) {
        Tensor density = square.mul(-0.5).exp().mul(1 / Math.sqrt(2 * Math.PI));
        return x.mul(Math.sqrt(0.5)).erf().add(1).mul(0.5).add(x.mul(density));
      }
      double c = 2 * Math.sqrt(2 / Math.PI);
      Tensor s = square.mul(0.044715).add(1).mul(x).mul(c).sigmoid();
      Tensor du = square.mul(3 * 0.044715).add(1).mul(c);
      return s.add(x.mul(s.mul(s.neg().add(1))).mul(du));
    }
  }

  /**
   * Of {@link BinaryOp.SwiGlu}: for the gate g·up·silu'(gate), for up g·silu(gate). Inputs g, gate,
   * up; gate and up broadcast to g's shape. Outputs: both gradients, of g's shape.
   */
  record SwiGluGrad() implements ActivationGradOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor g = in.get(0);
      Tensor gate = in.get(1);
      return List.of(g.mul(in.get(2)).mul(SiluGrad.slope(gate)), g.mul(gate.silu()));
    }
  }

  /**
   * Of {@link BinaryOp.GeGlu}: for the gate g·up·gelu'(gate), for up g·gelu(gate). Inputs g, gate,
   * up; gate and up broadcast to g's shape. Outputs: both gradients, of g's shape.
   *
   * @param tanh true for the tanh formula
   */
  record GeGluGrad(boolean tanh) implements ActivationGradOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor g = in.get(0);
      Tensor gate = in.get(1);
      return List.of(
          g.mul(in.get(2)).mul(GeluGrad.slope(gate, tanh)),
          g.mul(tanh ? gate.geluTanh() : gate.gelu()));
    }
  }

  @Override
  default List<TensorSpec> infer(List<TensorSpec> in) {
    boolean gated = this instanceof SwiGluGrad || this instanceof GeGluGrad;
    Infer.arity(this, in, gated ? 3 : 2);
    Infer.floating(this, in);
    Infer.sameDType(this, in);
    Shape g = in.getFirst().shape();
    List<TensorSpec> out = new ArrayList<>();
    for (TensorSpec x : in.subList(1, in.size())) {
      if (!Shape.broadcast(name(), g, x.shape()).equals(g)) {
        throw Infer.fail(this, "inputs must broadcast to the gradient's shape", in);
      }
      out.add(in.getFirst());
    }
    return out;
  }
}

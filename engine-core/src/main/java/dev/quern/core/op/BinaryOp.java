package dev.quern.core.op;

import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Elementwise functions of two inputs of one dtype, with broadcasting: a of shape S, b of shape T,
 * result of shape broadcast(S, T) and the same dtype. Integers wrap around; integer division by 0
 * gives 0.
 */
public sealed interface BinaryOp extends Op {

  /** a + b. */
  record Add() implements BinaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      return List.of(g.sumTo(p.input(0).shape()), g.sumTo(p.input(1).shape()));
    }
  }

  /** a − b. */
  record Sub() implements BinaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      return List.of(g.sumTo(p.input(0).shape()), g.neg().sumTo(p.input(1).shape()));
    }
  }

  /** a · b. */
  record Mul() implements BinaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      Tensor a = p.input(0);
      Tensor b = p.input(1);
      return List.of(g.mul(b).sumTo(a.shape()), g.mul(a).sumTo(b.shape()));
    }
  }

  /** a / b; integers truncate towards zero. */
  record Div() implements BinaryOp {}

  /**
   * a^b as IEEE 754 has it: 1 if a is 1 or b is 0, NaN or not. Integers: negative powers truncate
   * towards zero, and those of 0 are 0.
   */
  record Pow() implements BinaryOp {}

  /** The larger; NaN if either is NaN. */
  record Maximum() implements BinaryOp {}

  /** The smaller; NaN if either is NaN. */
  record Minimum() implements BinaryOp {}

  /** SwiGLU (Shazeer 2020): silu(gate) · up; inputs gate, up. */
  record SwiGlu() implements BinaryOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(in.get(0).silu().mul(in.get(1)));
    }
  }

  /**
   * GeGLU (Shazeer 2020): gelu(gate) · up; inputs gate, up.
   *
   * @param tanh true for the tanh formula of GELU
   */
  record GeGlu(boolean tanh) implements BinaryOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor gate = in.get(0);
      return List.of((tanh ? gate.geluTanh() : gate.gelu()).mul(in.get(1)));
    }
  }

  @Override
  default List<TensorSpec> infer(List<TensorSpec> in) {
    Infer.arity(this, in, 2);
    Infer.sameDType(this, in);
    if (this instanceof SwiGlu || this instanceof GeGlu) {
      Infer.floating(this, in);
    } else {
      Infer.numeric(this, in);
    }
    Shape s = Shape.broadcast(name(), in.get(0).shape(), in.get(1).shape());
    return List.of(in.getFirst().as(s));
  }

  @Override
  default @Nullable List<Tensor> decompose(List<Tensor> inputs) {
    return null;
  }
}

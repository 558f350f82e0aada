package dev.quern.core.op;

import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
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
      return both(p, p::gradient, p::gradient);
    }
  }

  /** a − b. */
  record Sub() implements BinaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return both(p, p::gradient, () -> p.gradient().neg());
    }
  }

  /** a · b. */
  record Mul() implements BinaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      return both(p, () -> g.mul(p.input(1)), () -> g.mul(p.input(0)));
    }
  }

  /** a / b; integers truncate towards zero. */
  record Div() implements BinaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      Tensor b = p.input(1);
      return both(p, () -> g.div(b), () -> g.neg().mul(p.output().div(b)));
    }
  }

  /**
   * a^b as IEEE 754 has it: 1 if a is 1 or b is 0, NaN or not. Integers: negative powers truncate
   * towards zero, and those of 0 are 0. The gradient for a is 0 where b is 0, that for b where a is
   * 0 and b not negative.
   */
  record Pow() implements BinaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      Tensor a = p.input(0);
      Tensor b = p.input(1);
      Tensor zero = g.scalarLike(0);
      Tensor one = g.scalarLike(1);
      // what a mask hides must be finite, or the next derivative is 0 · ∞
      return both(
          p,
          () -> {
            Tensor none = b.equal(zero);
            Tensor slope = b.mul(a.pow(none.where(one, b.sub(one))));
            return none.where(zero, g.mul(slope));
          },
          () -> {
            Tensor none = a.equal(zero).and(b.greaterEqual(zero));
            return none.where(zero, g.mul(p.output()).mul(none.where(one, a).log()));
          });
    }
  }

  /** The larger; NaN if either is NaN. A tie gives half of the gradient to each. */
  record Maximum() implements BinaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor a = p.input(0);
      Tensor b = p.input(1);
      return both(p, () -> chosen(p, a.less(b)), () -> chosen(p, a.greater(b)));
    }
  }

  /** The smaller; NaN if either is NaN. A tie gives half of the gradient to each. */
  record Minimum() implements BinaryOp {
    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor a = p.input(0);
      Tensor b = p.input(1);
      return both(p, () -> chosen(p, a.greater(b)), () -> chosen(p, a.less(b)));
    }
  }

  /** SwiGLU (Shazeer 2020): silu(gate) · up; inputs gate, up. */
  record SwiGlu() implements BinaryOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(in.get(0).silu().mul(in.get(1)));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return gated(p, new ActivationGradOp.SwiGluGrad());
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

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return gated(p, new ActivationGradOp.GeGluGrad(tanh));
    }
  }

  /** The gradients of a and b, those that are needed, with the broadcasting undone. */
  private static List<@Nullable Tensor> both(Backward p, Supplier<Tensor> a, Supplier<Tensor> b) {
    return Arrays.asList(
        p.needs(0) ? a.get().sumTo(p.input(0).shape()) : null,
        p.needs(1) ? b.get().sumTo(p.input(1).shape()) : null);
  }

  /** The gradient of an operand that was chosen unless it lost; half of it at a tie. */
  private static Tensor chosen(Backward p, Tensor lost) {
    Tensor g = p.gradient();
    Tensor tie = p.input(0).equal(p.input(1));
    return lost.where(g.scalarLike(0), tie.where(g.mul(0.5), g));
  }

  private static List<@Nullable Tensor> gated(Backward p, Op grad) {
    Tensor g = p.gradient();
    List<Tensor> d = g.executor().apply(grad, List.of(g, p.input(0), p.input(1)));
    return both(p, d::getFirst, d::getLast);
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

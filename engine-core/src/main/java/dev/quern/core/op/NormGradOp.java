package dev.quern.core.op;

import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.List;

/**
 * Gradients of the norms over the last axis, in one pass over x. Their sums over rows don't depend
 * on the number of threads. They have gradients themselves, through their decomposition; it
 * computes the statistics again, because they depend on x too.
 */
public sealed interface NormGradOp extends Op {

  /**
   * Of {@link NormOp.RmsNorm}. With x̂ = x·r and ĝ = g·weight: dx = r·(ĝ − x̂·mean(ĝ·x̂)), dweight
   * = Σ over rows of g·x̂. Inputs g [..., c], x [..., c], weight [c], r [..., 1] as the norm left
   * it. Outputs: dx [..., c] and, if asked for, dweight [c].
   *
   * @param eps as the norm's
   * @param affine whether the weight's gradient is wanted
   */
  record RmsNormGrad(float eps, boolean affine) implements NormGradOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 4);
      TensorSpec x = rows(this, in, 1);
      return affine ? List.of(x, in.get(2)) : List.of(x);
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor g = in.get(0);
      Tensor x = in.get(1);
      Tensor r = x.mul(x).mean(true, -1).add(eps).rsqrt();
      Tensor normalised = x.mul(r);
      Tensor scaled = g.mul(in.get(2));
      Tensor mean = scaled.mul(normalised).mean(true, -1);
      Tensor dx = r.mul(scaled.sub(normalised.mul(mean)));
      return affine ? List.of(dx, g.mul(normalised).sumTo(in.get(2).shape())) : List.of(dx);
    }
  }

  /**
   * Of {@link NormOp.LayerNorm}. With x̂ = (x − mean)·r and ĝ = g·weight: dx = r·(ĝ − mean(ĝ) −
   * x̂·mean(ĝ·x̂)), dweight = Σ over rows of g·x̂, dbias = Σ over rows of g. Inputs g [..., c], x
   * [..., c], weight [c], mean and r [..., 1] as the norm left them. Outputs: dx [..., c] and, if
   * asked for, dweight [c] and dbias [c].
   *
   * @param eps as the norm's
   * @param affine whether the gradients of weight and bias are wanted
   */
  record LayerNormGrad(float eps, boolean affine) implements NormGradOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 5);
      TensorSpec x = rows(this, in, 2);
      return affine ? List.of(x, in.get(2), in.get(2)) : List.of(x);
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor g = in.get(0);
      Tensor centred = in.get(1).sub(in.get(1).mean(true, -1));
      Tensor r = centred.mul(centred).mean(true, -1).add(eps).rsqrt();
      Tensor normalised = centred.mul(r);
      Tensor scaled = g.mul(in.get(2));
      Tensor mean = scaled.mul(normalised).mean(true, -1);
      Tensor dx = r.mul(scaled.sub(scaled.mean(true, -1)).sub(normalised.mul(mean)));
      Shape c = in.get(2).shape();
      return affine ? List.of(dx, g.mul(normalised).sumTo(c), g.sumTo(c)) : List.of(dx);
    }
  }

  private static TensorSpec rows(Op op, List<TensorSpec> in, int statistics) {
    Infer.floating(op, in);
    List<TensorSpec> same = in.subList(0, 3);
    Infer.sameDType(op, same);
    TensorSpec x = in.get(1);
    Infer.rankAtLeast(op, x, "x", 1);
    Infer.shape(op, in.getFirst(), "gradient", x.shape());
    Infer.shape(op, in.get(2), "weight", Shape.of(x.shape().dim(-1)));
    for (int i = 3; i < 3 + statistics; i++) {
      Infer.require(op, in.get(i), "statistics", Infer.statistics(x));
      Infer.shape(op, in.get(i), "statistics", x.shape().with(-1, 1));
    }
    return x;
  }
}

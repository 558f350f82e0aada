package dev.quern.core.op;

import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Normalisations along an axis: softmax and the layer norms. Floating point. */
public sealed interface NormOp extends Op {

  /**
   * y = eˣ / Σ eˣ along an axis, computed from the largest x.
   *
   * @param axis which, from the end if negative
   */
  record Softmax(int axis) implements NormOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      return alongAxis(this, in, axis);
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor x = in.getFirst();
      Tensor e = x.sub(x.max(true, axis)).exp();
      return List.of(e.div(e.sum(true, axis)));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor y = p.outputs().getFirst();
      Tensor gy = p.gradient().mul(y);
      return List.of(gy.sub(y.mul(gy.sum(true, axis))));
    }
  }

  /**
   * y = x − log Σ eˣ along an axis.
   *
   * @param axis which, from the end if negative
   */
  record LogSoftmax(int axis) implements NormOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      return alongAxis(this, in, axis);
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor x = in.getFirst();
      return List.of(x.sub(x.logSumExp(true, axis)));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      return List.of(g.sub(p.output().exp().mul(g.sum(true, axis))));
    }
  }

  /**
   * RMSNorm (Zhang and Sennrich 2019): y = x / √(mean(x²) + eps) · weight over the last axis.
   * Inputs x [..., c], weight [c]. Residual: 1/√(mean(x²) + eps), F32 (F64 for F64) [..., 1].
   *
   * @param eps added to the mean square
   */
  record RmsNorm(float eps) implements NormOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      return lastAxis(this, in, 2);
    }

    @Override
    public List<TensorSpec> residuals(List<TensorSpec> in) {
      TensorSpec x = in.getFirst();
      return List.of(new TensorSpec(Infer.statistics(x), x.shape().with(-1, 1)));
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor x = in.get(0);
      Tensor r = x.mul(x).mean(true, -1).add(eps).rsqrt();
      return List.of(x.mul(r).mul(in.get(1)));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      Tensor x = p.input(0);
      Tensor r =
          p.residuals().isEmpty()
              ? wide(x).mul(wide(x)).mean(true, -1).add(eps).rsqrt()
              : p.residuals().getFirst();
      Op grad = new NormGradOp.RmsNormGrad(eps, p.needs(1));
      List<Tensor> d = g.executor().apply(grad, List.of(g, x, p.input(1), r));
      return Arrays.asList(d.getFirst(), p.needs(1) ? d.getLast() : null);
    }
  }

  /**
   * LayerNorm (Ba et al. 2016): y = (x − mean) / √(var + eps) · weight + bias over the last axis.
   * Inputs x [..., c], weight [c], bias [c]. Residuals: mean and 1/√(var + eps), each F32 (F64 for
   * F64) [..., 1].
   *
   * @param eps added to the variance
   */
  record LayerNorm(float eps) implements NormOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      return lastAxis(this, in, 3);
    }

    @Override
    public List<TensorSpec> residuals(List<TensorSpec> in) {
      TensorSpec x = in.getFirst();
      TensorSpec s = new TensorSpec(Infer.statistics(x), x.shape().with(-1, 1));
      return List.of(s, s);
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor x = in.get(0);
      Tensor centred = x.sub(x.mean(true, -1));
      Tensor r = centred.mul(centred).mean(true, -1).add(eps).rsqrt();
      return List.of(centred.mul(r).mul(in.get(1)).add(in.get(2)));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      Tensor x = p.input(0);
      List<Tensor> statistics = p.residuals();
      if (statistics.isEmpty()) {
        Tensor mean = wide(x).mean(true, -1);
        statistics = List.of(mean, wide(x).var(0, true, -1).add(eps).rsqrt());
      }
      boolean affine = p.needs(1) || p.needs(2);
      Op grad = new NormGradOp.LayerNormGrad(eps, affine);
      List<Tensor> d =
          g.executor()
              .apply(grad, List.of(g, x, p.input(1), statistics.getFirst(), statistics.getLast()));
      return Arrays.asList(
          d.getFirst(), p.needs(1) ? d.get(1) : null, p.needs(2) ? d.get(2) : null);
    }
  }

  private static Tensor wide(Tensor x) {
    return x.cast(Infer.statistics(x.spec()));
  }

  private static List<TensorSpec> alongAxis(Op op, List<TensorSpec> in, int axis) {
    Infer.arity(op, in, 1);
    Infer.floating(op, in);
    in.getFirst().shape().axis(axis);
    return in;
  }

  private static List<TensorSpec> lastAxis(Op op, List<TensorSpec> in, int arity) {
    Infer.arity(op, in, arity);
    Infer.floating(op, in);
    Infer.sameDType(op, in);
    TensorSpec x = in.getFirst();
    Infer.rankAtLeast(op, x, "x", 1);
    Shape c = Shape.of(x.shape().dim(-1));
    for (int i = 1; i < arity; i++) {
      Infer.shape(op, in.get(i), Arrays.asList("x", "weight", "bias").get(i), c);
    }
    return List.of(x);
  }

  @Override
  default @Nullable List<Tensor> decompose(List<Tensor> inputs) {
    return null;
  }
}

package dev.quern.core.op;

import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Matrix products. Accumulation is F32 or wider; the result has the dtype of the left operand, or
 * F32 if that is F8_E4M3.
 *
 * <p>Operands: F32×F32, F64×F64, F16×F16, BF16×BF16, F8_E4M3×F8_E4M3; and F32|BF16 ×
 * F16|BF16|F32|F8_E4M3|block type. F8_E4M3 is multiplied as it is; its scales are the caller's to
 * multiply the result with.
 */
public sealed interface MatMulOp extends Op {

  /**
   * c[..., m, n] = Σₖ a[..., m, k] · b[..., k, n]; leading axes broadcast. Transposed operands are
   * views. A block-typed b is a transposed view of [..., n, k].
   */
  record MatMul() implements MatMulOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 2);
      TensorSpec a = in.get(0);
      TensorSpec b = in.get(1);
      operands(this, a, b);
      Infer.rankAtLeast(this, a, "lhs", 2);
      Infer.rankAtLeast(this, b, "rhs", 2);
      long k = a.shape().dim(-1);
      if (k != b.shape().dim(-2)) {
        throw new ShapeException(
            "["
                + name()
                + "] inner dimensions differ: lhs="
                + a
                + ", rhs="
                + b
                + "; need lhs[-1] == rhs[-2] ("
                + k
                + " != "
                + b.shape().dim(-2)
                + ")");
      }
      Shape batch =
          Shape.broadcast(
              name(),
              a.shape().slice(0, a.shape().rank() - 2),
              b.shape().slice(0, b.shape().rank() - 2));
      Shape c = batch.concat(Shape.of(a.shape().dim(-2), b.shape().dim(-1)));
      return List.of(new TensorSpec(result(a), c));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return MatMulMath.matmul(p);
    }
  }

  /**
   * y[..., n] = Σₖ x[..., k] · w[n, k] (+ bias[n]): the weight as checkpoints store it.
   *
   * @param bias whether there is a third input
   */
  record Linear(boolean bias) implements MatMulOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, bias ? 3 : 2);
      TensorSpec x = in.get(0);
      TensorSpec w = in.get(1);
      operands(this, x, w);
      Infer.rankAtLeast(this, x, "x", 1);
      if (w.shape().rank() != 2) {
        throw Infer.fail(this, "weight must be [out, in]", in);
      }
      if (x.shape().dim(-1) != w.shape().dim(1)) {
        throw Infer.fail(
            this,
            "x[-1] must equal weight[1] (" + x.shape().dim(-1) + " != " + w.shape().dim(1) + ")",
            in);
      }
      long n = w.shape().dim(0);
      if (bias) {
        Infer.shape(this, in.get(2), "bias", Shape.of(n));
        Infer.require(this, in.get(2), "bias", result(x));
      }
      return List.of(new TensorSpec(result(x), x.shape().with(-1, n)));
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor x = in.get(0);
      Tensor x2 = x.shape().rank() == 1 ? x.unsqueeze(0) : x;
      Tensor y = x2.matmul(in.get(1).transpose());
      y = x.shape().rank() == 1 ? y.squeeze(0) : y;
      return List.of(bias ? y.add(in.get(2)) : y);
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return MatMulMath.linear(p, bias);
    }
  }

  @Override
  default @Nullable List<Tensor> decompose(List<Tensor> inputs) {
    return null;
  }

  /** The dtype that a product with this left operand has. */
  private static DType result(TensorSpec a) {
    return a.dtype() == ScalarType.F8_E4M3 ? ScalarType.F32 : a.dtype();
  }

  private static void operands(Op op, TensorSpec a, TensorSpec b) {
    DType x = a.dtype();
    DType w = b.dtype();
    boolean same = x == w && x.isFloating() && !x.isBlock();
    boolean mixed =
        (x == ScalarType.F32 || x == ScalarType.BF16)
            && (w.isBlock()
                || w == ScalarType.F16
                || w == ScalarType.BF16
                || w == ScalarType.F32
                || w == ScalarType.F8_E4M3);
    if (!same && !mixed) {
      throw new DTypeException(
          "["
              + op.name()
              + "] can't multiply "
              + a
              + " by "
              + b
              + "; take F32, F64, F16, BF16 or F8_E4M3 on both sides, or F32|BF16 ×"
              + " F32|F16|BF16|F8_E4M3|block type");
    }
  }
}

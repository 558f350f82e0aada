package dev.quern.core.op;

import dev.quern.core.type.TensorSpec;
import java.util.List;

/**
 * Products whose results are worked on before they reach memory, as training has them: large
 * tensors, each of which another pass would read and write again.
 */
public sealed interface FusedProduct extends FusedOp {

  /**
   * A sum of products, y = a₁ · b₁ + ... + aₙ · bₙ, added in this order; inputs a₁, b₁, ..., aₙ,
   * bₙ, of which all products have one shape. For example the gradient of what queries, keys and
   * values are made of.
   *
   * @param count n, at least 2
   */
  record MatMulSum(int count) implements FusedProduct {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor sum = in.get(0).matmul(in.get(1));
      for (int i = 1; i < count; i++) {
        sum = sum.add(in.get(2 * i).matmul(in.get(2 * i + 1)));
      }
      return List.of(sum);
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 2 * count);
      TensorSpec y = new MatMulOp.MatMul().infer(in.subList(0, 2)).getFirst();
      for (int i = 1; i < count; i++) {
        List<TensorSpec> factors = in.subList(2 * i, 2 * i + 2);
        TensorSpec next = new MatMulOp.MatMul().infer(factors).getFirst();
        Infer.shape(this, next, "product", y.shape());
        Infer.require(this, next, "product", y.dtype());
      }
      return List.of(y);
    }
  }

  /**
   * A linear map, the activation that follows it, and the activation's slope: h = x · wᵀ (+ bias),
   * outputs f'(h) and f(h); inputs x, w (, bias). In training nothing else is made of h.
   *
   * @param activation f, a {@link UnaryOp.Silu} or {@link UnaryOp.Gelu}
   * @param gradient g · f', an {@link ActivationGradOp.SiluGrad} or {@link
   *     ActivationGradOp.GeluGrad}
   * @param bias whether there is one
   */
  record LinearActivation(UnaryOp activation, ActivationGradOp gradient, boolean bias)
      implements FusedProduct {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Executor executor = in.getFirst().executor();
      List<Tensor> h = executor.apply(new MatMulOp.Linear(bias), in);
      Tensor one = h.getFirst().scalarLike(1).expand(h.getFirst().shape());
      return List.of(
          executor.apply(gradient, List.of(one, h.getFirst())).getFirst(),
          executor.apply(activation, h).getFirst());
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, bias ? 3 : 2);
      TensorSpec h = new MatMulOp.Linear(bias).infer(in).getFirst();
      return List.of(h, activation.infer(List.of(h)).getFirst());
    }
  }

  /** A product and what its elements are multiplied with: y = (a · b) ⊙ c; inputs a, b, c. */
  record MatMulMul() implements FusedProduct {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(in.get(0).matmul(in.get(1)).mul(in.get(2)));
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 3);
      TensorSpec y = new MatMulOp.MatMul().infer(in.subList(0, 2)).getFirst();
      Infer.shape(this, in.get(2), "factor", y.shape());
      Infer.require(this, in.get(2), "factor", y.dtype());
      return List.of(y);
    }
  }
}

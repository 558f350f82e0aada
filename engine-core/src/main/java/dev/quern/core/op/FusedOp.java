package dev.quern.core.op;

import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * Several calls in one, where that saves passes over memory and waits between threads. No user
 * spells these: a plan puts them in the place of their parts if a backend has a kernel for them,
 * and they compute what the parts compute, bit for bit.
 *
 * <p>They have no gradient and no reference kernel; {@link #decompose} is both.
 */
public sealed interface FusedOp extends Op
    permits FusedOp.Linears,
        FusedOp.LinearAdd,
        FusedOp.GatedFeedForward,
        FusedOp.AddRmsNorm,
        FusedOp.RopeCacheWrite,
        FusedOp.NormGradAdd,
        FusedOp.SquareSum,
        FusedProduct {

  /**
   * Products of one left operand: yᵢ = x · wᵢᵀ (+ biasᵢ); inputs x, w₁, ..., wₙ (, bias₁, ...,
   * biasₙ). For example queries, keys and values.
   *
   * @param count n, at least 2
   * @param bias whether all have a bias; else none has
   */
  record Linears(int count, boolean bias) implements FusedOp {
    private <T> List<T> part(List<T> in, int i) {
      return bias
          ? List.of(in.getFirst(), in.get(1 + i), in.get(1 + count + i))
          : List.of(in.getFirst(), in.get(1 + i));
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      List<Tensor> out = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        out.addAll(in.getFirst().executor().apply(new MatMulOp.Linear(bias), part(in, i)));
      }
      return out;
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, bias ? 1 + 2 * count : 1 + count);
      List<TensorSpec> out = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        out.addAll(new MatMulOp.Linear(bias).infer(part(in, i)));
      }
      return out;
    }
  }

  /**
   * A product and a residual connection: y = x · wᵀ (+ bias) + r; inputs x, w, (bias,) r.
   *
   * @param bias whether there is one
   */
  record LinearAdd(boolean bias) implements FusedOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor x = in.get(0);
      Tensor w = in.get(1);
      return List.of((bias ? x.linear(w, in.get(2)) : x.linear(w)).add(in.getLast()));
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, bias ? 4 : 3);
      TensorSpec y = new MatMulOp.Linear(bias).infer(in.subList(0, in.size() - 1)).getFirst();
      Infer.shape(this, in.getLast(), "residual", y.shape());
      Infer.require(this, in.getLast(), "residual", y.dtype());
      return List.of(y);
    }
  }

  /**
   * A gated feed-forward layer: y = f(x · gateᵀ, x · upᵀ) · downᵀ (+ r); inputs x, gate, up, down
   * (, r).
   *
   * @param gate f, a {@link BinaryOp.SwiGlu} or {@link BinaryOp.GeGlu}
   * @param residual whether r is added
   */
  record GatedFeedForward(BinaryOp gate, boolean residual) implements FusedOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor x = in.getFirst();
      Tensor gated =
          x.executor().apply(gate, List.of(x.linear(in.get(1)), x.linear(in.get(2)))).getFirst();
      Tensor y = gated.linear(in.get(3));
      return List.of(residual ? y.add(in.get(4)) : y);
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, residual ? 5 : 4);
      MatMulOp.Linear linear = new MatMulOp.Linear(false);
      TensorSpec x = in.getFirst();
      List<TensorSpec> factors = new ArrayList<>(linear.infer(List.of(x, in.get(1))));
      factors.addAll(linear.infer(List.of(x, in.get(2))));
      TensorSpec y = linear.infer(List.of(gate.infer(factors).getFirst(), in.get(3))).getFirst();
      if (residual) {
        Infer.shape(this, in.get(4), "residual", y.shape());
        Infer.require(this, in.get(4), "residual", y.dtype());
      }
      return List.of(y);
    }
  }

  /**
   * A residual connection and the norm after it: y = a + b, z = y / √(mean(y²) + eps) · weight over
   * the last axis; inputs a, b of one shape, weight; outputs y, z.
   *
   * @param eps added to the mean square
   */
  record AddRmsNorm(float eps) implements FusedOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor y = in.get(0).add(in.get(1));
      return List.of(y, y.rmsNorm(in.get(2), eps));
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 3);
      TensorSpec y = in.getFirst();
      Infer.shape(this, in.get(1), "residual", y.shape());
      Infer.require(this, in.get(1), "residual", y.dtype());
      return List.of(y, new NormOp.RmsNorm(eps).infer(List.of(y, in.get(2))).getFirst());
    }
  }

  /**
   * Rotated keys on their way to the cache: cache[b, starts[b] + t, h, d] ← rope(x)[b, t, h, d],
   * rounded to x's type, then to the cache's; inputs cache, then x, positions and inverse
   * frequencies of an {@link AttentionOp.Rope}, then starts, and pages if given, of a {@link
   * BufferOp.CacheWrite}. Nothing is returned.
   *
   * @param interleaved whether pairs are neighbours, as for the rotation
   * @param hasPages whether pages is given, as for the write
   */
  record RopeCacheWrite(boolean interleaved, boolean hasPages) implements FusedOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor cache = in.getFirst();
      Tensor rows = in.get(1).rope(in.get(2), in.get(3), interleaved);
      return cache.executor().apply(new BufferOp.CacheWrite(hasPages), written(in, rows));
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, hasPages ? 6 : 5);
      TensorSpec rows = new AttentionOp.Rope(interleaved).infer(in.subList(1, 4)).getFirst();
      return new BufferOp.CacheWrite(hasPages).infer(written(in, rows));
    }

    /** The write's inputs. */
    private static <T> List<T> written(List<T> in, T rows) {
      List<T> write = new ArrayList<>(List.of(in.getFirst(), rows));
      write.addAll(in.subList(4, in.size()));
      return write;
    }

    @Override
    public List<Integer> writes() {
      return List.of(0);
    }
  }

  /**
   * The gradient of a norm, and the one that goes past it: dx + r; inputs those of the gradient, r;
   * outputs those of the gradient.
   *
   * @param gradient the norm's
   */
  record NormGradAdd(NormGradOp gradient) implements FusedOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      List<Tensor> parts = in.subList(0, in.size() - 1);
      List<Tensor> out = new ArrayList<>(in.getFirst().executor().apply(gradient, parts));
      out.set(0, out.getFirst().add(in.getLast()));
      return out;
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      List<TensorSpec> out = gradient.infer(in.subList(0, in.size() - 1));
      Infer.shape(this, in.getLast(), "residual", out.getFirst().shape());
      Infer.require(this, in.getLast(), "residual", out.getFirst().dtype());
      return out;
    }
  }

  /** Σ x² over all elements, a scalar: of a gradient, for the norm of all. */
  record SquareSum() implements FusedOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(in.getFirst().mul(in.getFirst()).sum());
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 1);
      return List.of(in.getFirst().as(Shape.SCALAR));
    }
  }
}

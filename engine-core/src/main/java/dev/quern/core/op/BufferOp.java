package dev.quern.core.op;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.List;

/** The operations that write to {@link Buffer}s, most to input 0. Nothing is returned. */
public sealed interface BufferOp extends Op {

  /** target ← value. Inputs target (a view of a buffer), value (same dtype, broadcasts to it). */
  record Assign() implements BufferOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 2);
      Infer.sameDType(this, in);
      Shape target = in.get(0).shape();
      if (!Shape.broadcast(name(), target, in.get(1).shape()).equals(target)) {
        throw Infer.fail(this, "the value does not broadcast to the target", in);
      }
      return List.of();
    }
  }

  /**
   * cache[b, starts[b] + t, h, d] ← rows[b, t, h, d]. Inputs cache [b, capacity, h, d]
   * (F32|F16|BF16|F8_E4M3|Q8_0, Q8_0 only if d is a multiple of 32), rows [b, t, h, d] (F32 or the
   * cache's dtype, rounded or quantised to it as a cast does it: F8_E4M3 saturates at ±448), starts
   * I32 [b], and if given pages I32 [b, n]. Rows beyond the capacity are an error.
   *
   * <p>With pages the cache is a {@linkplain Pages pool} [pages, size, h, d], the capacity n ·
   * size, and row r = starts[b] + t goes to row r mod size of page pages[b, r / size]. Entries that
   * rows go to must be pages of the pool. Two rows for one place may leave either there, or parts
   * of both.
   *
   * @param hasPages whether pages is given
   */
  record CacheWrite(boolean hasPages) implements BufferOp {
    /** A write to a cache whose sequences lie together. */
    public CacheWrite() {
      this(false);
    }

    /**
     * What every kernel checks, for all sequences, before it writes anything.
     *
     * @param sequence index of the sequence
     * @param start its first row in the cache
     * @param rows how many rows it gets
     * @param capacity rows of the cache
     * @throws ShapeException if they don't fit
     */
    public static void requireRoom(long sequence, long start, long rows, long capacity) {
      if (start < 0 || start + rows > capacity) {
        throw new ShapeException(
            "[cacheWrite] sequence "
                + sequence
                + ": rows "
                + start
                + ".."
                + (start + rows - 1)
                + " do not fit in a cache of capacity "
                + capacity
                + "; start at "
                + Math.max(0, capacity - rows)
                + " at most, truncate the cache, or make it larger");
      }
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, hasPages ? 4 : 3);
      TensorSpec rows = in.get(1);
      TensorSpec cache = in.get(0);
      if (hasPages) {
        Pages.check(this, in, 0, 3, rows.shape().rank() == 0 ? 0 : rows.shape().dim(0));
        cache = cache.as(Pages.sequences(cache.shape(), in.get(3).shape()));
      }
      Infer.require(
          this,
          cache,
          "cache",
          ScalarType.F32,
          ScalarType.F16,
          ScalarType.BF16,
          ScalarType.F8_E4M3,
          BlockType.Q8_0);
      Infer.require(this, rows, "rows", ScalarType.F32, cache.dtype());
      if (cache.shape().rank() != 4
          || rows.shape().rank() != 4
          || !cache.shape().with(1, 0).equals(rows.shape().with(1, 0))) {
        throw Infer.fail(this, "cache must be [b, capacity, h, d] and rows [b, t, h, d]", in);
      }
      Infer.wholeBlocks(this, cache, "cache");
      Infer.require(this, in.get(2), "starts", ScalarType.I32);
      Infer.shape(this, in.get(2), "starts", Shape.of(cache.shape().dim(0)));
      return List.of();
    }
  }

  /**
   * A step of AdamW (Loshchilov and Hutter 2019), the whole update in one pass. With g the gradient
   * times scale, and s the scalars:
   *
   * <pre>
   * m ← β₁·m + (1 − β₁)·g
   * v ← β₂·v + (1 − β₂)·g²
   * p ← p·(1 − s₁) − s₀·s₂·m / (√v·s₃ + eps)
   * </pre>
   *
   * <p>Inputs: the parameter p, its gradient, m and v, of one shape and dtype (F32|F64); scalars
   * [4] = rate, rate · weight decay, 1/(1 − β₁ᵗ), 1/√(1 − β₂ᵗ) at step t, counted from 1; scale [],
   * what the gradient is multiplied by (clipping, loss scale), both of the same dtype. Writes p, m
   * and v, which must be different memory. A scale that is infinite or not a number makes the step
   * void: nothing is written.
   *
   * @param beta1 β₁, the decay of the mean, 0 ≤ β₁ &lt; 1
   * @param beta2 β₂, the decay of the mean square, 0 ≤ β₂ &lt; 1
   * @param eps added to the root
   */
  record AdamW(double beta1, double beta2, double eps) implements BufferOp {
    /**
     * Checked numbers.
     *
     * @throws IllegalArgumentException if one is outside its range
     */
    public AdamW {
      if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && eps >= 0)) {
        throw new IllegalArgumentException(
            "[adamW] needs beta1 and beta2 in [0, 1) and eps of at least 0, got "
                + beta1
                + ", "
                + beta2
                + ", "
                + eps);
      }
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 6);
      Infer.sameDType(this, in);
      TensorSpec p = in.getFirst();
      Infer.require(this, p, "parameter", ScalarType.F32, ScalarType.F64);
      Infer.shape(this, in.get(1), "gradient", p.shape());
      Infer.shape(this, in.get(2), "m", p.shape());
      Infer.shape(this, in.get(3), "v", p.shape());
      Infer.shape(this, in.get(4), "scalars", Shape.of(4));
      Infer.shape(this, in.get(5), "scale", Shape.SCALAR);
      return List.of();
    }

    @Override
    public List<Integer> writes() {
      return List.of(0, 2, 3);
    }
  }

  @Override
  default List<Integer> writes() {
    return List.of(0);
  }
}

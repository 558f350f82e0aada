package dev.quern.core.op;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.List;

/** The operations that write to a {@link Buffer}: input 0 is written, nothing is returned. */
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
   * (F32|F16|BF16|Q8_0, Q8_0 only if d is a multiple of 32), rows [b, t, h, d] (F32 or the cache's
   * dtype, rounded or quantised to it), starts I32 [b]. Rows beyond the capacity are an error.
   */
  record CacheWrite() implements BufferOp {
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
      Infer.arity(this, in, 3);
      TensorSpec cache = in.get(0);
      TensorSpec rows = in.get(1);
      Infer.require(
          this, cache, "cache", ScalarType.F32, ScalarType.F16, ScalarType.BF16, BlockType.Q8_0);
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

  @Override
  default List<Integer> writes() {
    return List.of(0);
  }
}

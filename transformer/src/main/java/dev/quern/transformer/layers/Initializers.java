package dev.quern.transformer.layers;

import dev.quern.core.op.CreateOp;
import dev.quern.core.op.Executor;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;

/** Fresh weights for models that are not loaded from a file. */
public final class Initializers {
  private Initializers() {}

  /**
   * Normal values; a seed gives the same ones on every machine.
   *
   * @param executor the engine
   * @param deviation standard deviation
   * @param seed 0 ≤ seed ≤ 2^53
   * @param dims extents
   * @return F32 of that shape
   */
  public static Tensor normal(Executor executor, double deviation, long seed, long... dims) {
    // A range of two from seed with step −seed is (seed, 0): a Philox key and its offset.
    Tensor key = executor.one(new CreateOp.Arange(ScalarType.I64, seed, -seed, 2));
    return executor
        .one(new CreateOp.RandomNormal(ScalarType.F32, Shape.of(dims)), key)
        .mul(deviation);
  }

  /**
   * A linear map with normal weights of deviation 1/√in, without bias.
   *
   * @param executor the engine
   * @param in size of the input's last axis
   * @param out size of the output's last axis
   * @param seed 0 ≤ seed ≤ 2^53
   * @return the layer
   */
  public static Linear linear(Executor executor, long in, long out, long seed) {
    return new Linear(normal(executor, 1 / Math.sqrt((double) in), seed, out, in));
  }

  /**
   * An RMSNorm of unit weights.
   *
   * @param executor the engine
   * @param dim size of the last axis
   * @return the layer, with eps 1e-5
   */
  public static RmsNorm rmsNorm(Executor executor, long dim) {
    return new RmsNorm(executor.one(new CreateOp.Full(ScalarType.F32, Shape.of(dim), 1)), 1e-5f);
  }
}

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
   * Attention with fresh maps, without rotary embedding.
   *
   * @param executor the engine
   * @param dim extent of the hidden states, a multiple of the heads
   * @param options heads and causality
   * @param seed 0 ≤ seed ≤ 2^53 − 3
   * @return the layer
   */
  public static MultiHeadAttention attention(
      Executor executor, long dim, AttentionOptions options, long seed) {
    long kv = dim / options.heads() * options.kvHeads();
    return new MultiHeadAttention(
        linear(executor, dim, dim, seed),
        linear(executor, dim, kv, seed + 1),
        linear(executor, dim, kv, seed + 2),
        linear(executor, dim, dim, seed + 3),
        options,
        null);
  }

  /**
   * A feed-forward layer with fresh maps.
   *
   * @param executor the engine
   * @param dim extent of the hidden states
   * @param hidden extent between the maps
   * @param activation between the maps
   * @param seed 0 ≤ seed ≤ 2^53 − 1
   * @return the layer
   */
  public static FeedForward feedForward(
      Executor executor, long dim, long hidden, Activation activation, long seed) {
    return new FeedForward(
        linear(executor, dim, hidden, seed), activation, linear(executor, hidden, dim, seed + 1));
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

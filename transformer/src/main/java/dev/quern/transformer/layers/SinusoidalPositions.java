package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;

/**
 * Sinusoidal positional embeddings (Vaswani et al. 2017, section 3.5): y = x + P, where P[p, 2i] =
 * sin(p / 10000^(2i/dim)) and P[p, 2i+1] = cos(p / 10000^(2i/dim)).
 */
public record SinusoidalPositions() implements Layer {
  private static final double BASE = 10_000;

  /**
   * Adds the embeddings of positions 0, 1, 2...
   *
   * @param x [..., length, dim], F32, dim even
   * @return same shape and dtype
   */
  @Override
  public Tensor forward(Tensor x) {
    return forward(x, x.arange(ScalarType.I32, x.shape().dim(-2)));
  }

  /**
   * Adds the embeddings of given positions.
   *
   * @param x [..., length, dim], F32, dim even
   * @param positions [..., length] (broadcasts), I32|I64
   * @return same shape and dtype
   */
  public Tensor forward(Tensor x, Tensor positions) {
    long dim = x.shape().dim(-1);
    Tensor frequency =
        x.arange(ScalarType.F64, dim / 2).mul(-2 * Math.log(BASE) / dim).exp(); // [dim / 2]
    Tensor angle = positions.cast(ScalarType.F64).unsqueeze(-1).mul(frequency);
    Tensor table = angle.sin().stack(-1, angle.cos()); // [..., length, dim / 2, 2]
    return x.add(table.reshape(positions.shape().insert(-1, dim)).cast(x.dtype()));
  }
}

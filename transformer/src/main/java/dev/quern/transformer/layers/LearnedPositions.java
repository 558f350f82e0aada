package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.Map;

/**
 * Learned positional embeddings: y = x + W[position].
 *
 * @param weight [positions, dim], any floating or block type
 */
public record LearnedPositions(Tensor weight) implements Layer {

  /**
   * Adds the embeddings of positions 0, 1, 2...
   *
   * @param x [..., length, dim], F32; length at most the number of positions
   * @return same shape and dtype
   */
  @Override
  public Tensor forward(Tensor x) {
    return forward(x, x.arange(ScalarType.I32, x.shape().dim(-2)));
  }

  /**
   * Adds the embeddings of given positions.
   *
   * @param x [..., length, dim], F32
   * @param positions [..., length] (broadcasts), I32|I64
   * @return same shape and dtype
   */
  public Tensor forward(Tensor x, Tensor positions) {
    return x.add(weight.embedding(positions, ScalarType.F32));
  }

  @Override
  public Map<String, Tensor> parameters() {
    return Map.of("weight", weight);
  }
}

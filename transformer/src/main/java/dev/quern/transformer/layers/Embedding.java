package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.Map;

/**
 * y[..., :] = W[ids[...], :].
 *
 * @param weight [vocabulary, dim], any floating or block type
 */
public record Embedding(Tensor weight) implements Layer {

  /**
   * Looks rows up.
   *
   * @param ids [...], I32|I64, each in 0..vocabulary − 1
   * @return [..., dim], F32
   */
  @Override
  public Tensor forward(Tensor ids) {
    return weight.embedding(ids, ScalarType.F32);
  }

  /**
   * The same weight as an output projection: logits from hidden states (tied embeddings, Press and
   * Wolf 2017).
   *
   * @return the map from [..., dim] to [..., vocabulary]
   */
  public Linear tied() {
    return new Linear(weight);
  }

  @Override
  public Map<String, Tensor> parameters() {
    return Map.of("weight", weight);
  }
}

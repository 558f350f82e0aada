package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import java.util.Map;

/** A function of one tensor with weights of its own. Immutable, and safe to share. */
public interface Layer {
  /**
   * Applies the layer.
   *
   * @param x its input; each layer says which shapes it takes
   * @return its output
   */
  Tensor forward(Tensor x);

  /**
   * The weights of this layer and of the layers in it, by dotted names such as {@code
   * attention.query.weight}.
   *
   * @return name to tensor, in a fixed order; empty for a layer without weights
   */
  default Map<String, Tensor> parameters() {
    return Map.of();
  }
}

package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import java.util.Map;

/**
 * The position-wise feed-forward layer (Vaswani et al. 2017, equation 2): down(f(up(x))).
 *
 * @param up from dim to hidden
 * @param activation f
 * @param down from hidden to dim
 */
public record FeedForward(Linear up, Activation activation, Linear down) implements Layer {

  /**
   * Applies the layer.
   *
   * @param x [..., dim], F32
   * @return [..., dim], F32
   */
  @Override
  public Tensor forward(Tensor x) {
    return down.forward(activation.forward(up.forward(x)));
  }

  @Override
  public Map<String, Tensor> parameters() {
    return new NamedTensors().add("up", up).add("down", down).toMap();
  }
}

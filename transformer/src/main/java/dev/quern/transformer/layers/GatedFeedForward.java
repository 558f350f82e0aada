package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import java.util.Map;

/**
 * The gated feed-forward layer (Shazeer 2020): down(f(gate(x)) · up(x)); SwiGLU with {@link
 * Activation#SILU}.
 *
 * @param gate from dim to hidden
 * @param up from dim to hidden
 * @param activation f
 * @param down from hidden to dim
 */
public record GatedFeedForward(Linear gate, Linear up, Activation activation, Linear down)
    implements Layer {

  /**
   * Applies the layer.
   *
   * @param x [..., dim], F32
   * @return [..., dim], F32
   */
  @Override
  public Tensor forward(Tensor x) {
    return down.forward(activation.gated(gate.forward(x), up.forward(x)));
  }

  @Override
  public Map<String, Tensor> parameters() {
    return new NamedTensors().add("gate", gate).add("up", up).add("down", down).toMap();
  }
}

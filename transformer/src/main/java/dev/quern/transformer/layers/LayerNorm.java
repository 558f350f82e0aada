package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import java.util.Map;

/**
 * LayerNorm (Ba et al. 2016): y = (x − mean) / √(var + eps) · weight + bias over the last axis.
 *
 * @param weight [dim], F32
 * @param bias [dim], F32
 * @param eps added to the variance
 */
public record LayerNorm(Tensor weight, Tensor bias, float eps) implements Layer {

  /**
   * Normalises the last axis.
   *
   * @param x [..., dim], F32
   * @return same shape and dtype
   */
  @Override
  public Tensor forward(Tensor x) {
    return x.layerNorm(weight, bias, eps);
  }

  @Override
  public Map<String, Tensor> parameters() {
    return new NamedTensors().add("weight", weight).add("bias", bias).toMap();
  }
}

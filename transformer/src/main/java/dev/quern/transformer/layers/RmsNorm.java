package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import java.util.Map;

/**
 * RMSNorm (Zhang and Sennrich 2019): y = x / √(mean(x²) + eps) · weight over the last axis.
 *
 * @param weight [dim], F32
 * @param eps added to the mean square
 */
public record RmsNorm(Tensor weight, float eps) implements Layer {

  /**
   * Normalises the last axis.
   *
   * @param x [..., dim], F32
   * @return same shape and dtype
   */
  @Override
  public Tensor forward(Tensor x) {
    return x.rmsNorm(weight, eps);
  }

  @Override
  public Map<String, Tensor> parameters() {
    return Map.of("weight", weight);
  }
}

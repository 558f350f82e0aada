package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * y = x · Wᵀ + b.
 *
 * @param weight [out, in], F32|F16|BF16|F8_E4M3|block type
 * @param bias [out], F32, or null for none
 */
public record Linear(Tensor weight, @Nullable Tensor bias) implements Layer {

  /**
   * A linear map without bias.
   *
   * @param weight [out, in], F32|F16|BF16|F8_E4M3|block type
   */
  public Linear(Tensor weight) {
    this(weight, null);
  }

  /**
   * Applies the map to the last axis.
   *
   * @param x [..., in], F32
   * @return [..., out], F32
   * @throws dev.quern.core.type.ShapeException if the last axis is not {@code in}
   */
  @Override
  public Tensor forward(Tensor x) {
    return bias == null ? x.linear(weight) : x.linear(weight, bias);
  }

  /**
   * Size of the result's last axis.
   *
   * @return out
   */
  public long outFeatures() {
    return weight.shape().dim(0);
  }

  @Override
  public Map<String, Tensor> parameters() {
    return new NamedTensors().add("weight", weight).add("bias", bias).toMap();
  }
}

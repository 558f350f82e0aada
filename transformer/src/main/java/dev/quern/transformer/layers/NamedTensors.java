package dev.quern.transformer.layers;

import dev.quern.core.op.Tensor;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Collects the named weights of a layer, its own and its children's, in the order they are given.
 */
public final class NamedTensors {
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  /** An empty collection. */
  public NamedTensors() {}

  /**
   * Adds a weight.
   *
   * @param name without the path to this layer
   * @param tensor the weight; null is passed over
   * @return this collection
   */
  public NamedTensors add(String name, @Nullable Tensor tensor) {
    if (tensor != null) {
      tensors.put(name, tensor);
    }
    return this;
  }

  /**
   * Adds the weights of a layer under a prefix.
   *
   * @param name of the child; the names become {@code name.weight} and so on
   * @param child the layer
   * @return this collection
   */
  public NamedTensors add(String name, Layer child) {
    child.parameters().forEach((n, t) -> tensors.put(name + "." + n, t));
    return this;
  }

  /**
   * What was collected.
   *
   * @return an unmodifiable view in the order of adding
   */
  public Map<String, Tensor> toMap() {
    return Collections.unmodifiableMap(tensors);
  }
}

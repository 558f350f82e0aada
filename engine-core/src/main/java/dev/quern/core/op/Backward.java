package dev.quern.core.op;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an operation's gradient is made from.
 *
 * @param inputs the forward inputs
 * @param outputs the forward outputs
 * @param residuals what {@link Op#residuals} asked to keep; empty if it was not kept
 * @param gradients one gradient per output, of its dtype and shape; null where nothing depends on
 *     that output
 */
public record Backward(
    List<Tensor> inputs,
    List<Tensor> outputs,
    List<Tensor> residuals,
    List<@Nullable Tensor> gradients) {

  /**
   * A forward input.
   *
   * @param i its index
   * @return the tensor
   */
  public Tensor input(int i) {
    return inputs.get(i);
  }

  /**
   * The gradient of the first output, which an operation of one output always has.
   *
   * @return the gradient
   */
  public Tensor gradient() {
    Tensor g = gradients.getFirst();
    if (g == null) {
      throw new IllegalStateException("the first output has no gradient");
    }
    return g;
  }
}

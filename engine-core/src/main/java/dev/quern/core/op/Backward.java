package dev.quern.core.op;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What an operation's gradient is made from.
 *
 * @param inputs the forward inputs
 * @param outputs the forward outputs
 * @param residuals what {@link Op#residuals} asked to keep; empty if it was not kept
 * @param gradients one gradient per output, of its dtype and shape; null where nothing depends on
 *     that output
 * @param needed the inputs whose gradients somebody wants; those of others need not be computed
 * @param derivation differentiates code in the operation's place
 */
public record Backward(
    List<Tensor> inputs,
    List<Tensor> outputs,
    List<Tensor> residuals,
    List<@Nullable Tensor> gradients,
    Set<Integer> needed,
    Derivation derivation) {

  /** How {@link #through} differentiates; a tape supplies it. */
  @FunctionalInterface
  public interface Derivation {
    /**
     * The gradients of a function's inputs.
     *
     * @param function what the operation computes, spelled in others
     * @param pass where, and with what gradients of the outputs
     * @return one gradient per input; null where it isn't needed or nothing depends on the input
     */
    List<@Nullable Tensor> gradients(UnaryOperator<List<Tensor>> function, Backward pass);
  }

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
   * The first forward output.
   *
   * @return the tensor
   */
  public Tensor output() {
    return outputs.getFirst();
  }

  /**
   * Whether somebody wants an input's gradient. Frozen parameters and data are not wanted; what
   * only they need must not be computed.
   *
   * @param i index of the input
   * @return false if {@code vjp} may answer null for it
   */
  public boolean needs(int i) {
    return needed.contains(i);
  }

  /**
   * The gradient of the first output, which an operation of one output always has.
   *
   * @return the gradient
   */
  public Tensor gradient() {
    return gradient(0);
  }

  /**
   * The gradient of an output.
   *
   * @param output its index
   * @return the gradient; zeros if nothing depends on that output
   */
  public Tensor gradient(int output) {
    Tensor g = gradients.get(output);
    return g == null ? outputs.get(output).fullLike(0) : g;
  }

  /**
   * The gradients of the inputs, found by differentiating other operations in this one's place:
   * they are run again. What a fused operation without a gradient of its own does with its
   * decomposition.
   *
   * @param function from the inputs to the outputs
   * @return one gradient per input; null where it isn't needed or nothing depends on the input
   */
  public List<@Nullable Tensor> through(UnaryOperator<List<Tensor>> function) {
    return derivation.gradients(function, this);
  }

  /**
   * The answer of an operation whose first input alone has a gradient.
   *
   * @param first its gradient
   * @return that, and null for all other inputs
   */
  List<@Nullable Tensor> onlyFirst(Tensor first) {
    List<@Nullable Tensor> g = new ArrayList<>();
    for (int i = 0; i < inputs.size(); i++) {
      g.add(i == 0 ? first : null);
    }
    return g;
  }
}

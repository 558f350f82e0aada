package dev.quern.core.autograd;

import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.GradientException;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What {@link Tape#backward} found: a gradient for each watched tensor. It outlives the tape, as
 * long as the tensors in it do.
 */
public final class Gradients {
  private final IdentityHashMap<Tensor, @Nullable Tensor> found = new IdentityHashMap<>();

  Gradients(List<Tensor> by, List<@Nullable Tensor> gradients) {
    for (int i = 0; i < by.size(); i++) {
      found.put(by.get(i), gradients.get(i));
    }
  }

  /**
   * The gradient with respect to a watched tensor.
   *
   * @param watched the handle that was watched
   * @return its dtype and shape; zeros if the loss does not depend on it
   * @throws GradientException if it was not watched
   */
  public Tensor of(Tensor watched) {
    Tensor g = found.get(watched);
    if (g != null) {
      return g;
    }
    if (!found.containsKey(watched)) {
      throw new GradientException(
          "[gradients] tensor "
              + watched.spec()
              + " was not watched; call tape.watch(x) before the forward pass, and ask with the"
              + " same handle");
    }
    return watched.fullLike(0);
  }

  /**
   * The gradient with respect to a parameter.
   *
   * @param parameter a buffer that was watched
   * @return its dtype and shape; zeros if the loss does not depend on it
   * @throws GradientException if it was not watched
   */
  public Tensor of(Buffer parameter) {
    return of(parameter.value());
  }

  /**
   * Whether the loss depends on a tensor; if not, its gradient is zero.
   *
   * @param watched the handle that was watched
   * @return true if a gradient was computed
   */
  public boolean reaches(Tensor watched) {
    return found.get(watched) != null;
  }
}

package dev.quern.core.autograd;

import dev.quern.core.op.Backward;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.GradientException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A call that a tape has noted.
 *
 * @param name of the operation, for errors
 * @param op which, null for a checkpoint
 * @param vjp its gradient
 * @param inputs its operands
 * @param reads tensors that the gradient reads; the inputs, and for a checkpoint also buffers
 * @param outputs its results
 * @param residuals what it kept
 */
record Call(
    String name,
    @Nullable Op op,
    Vjp vjp,
    List<Tensor> inputs,
    List<Writes.Saved> reads,
    List<Tensor> outputs,
    List<Tensor> residuals) {

  /** A gradient: {@link Op#vjp}, or a checkpoint's. */
  @FunctionalInterface
  interface Vjp {
    List<@Nullable Tensor> of(Backward pass);
  }

  /**
   * The gradients of the inputs, checked.
   *
   * @param pass what it is made from
   * @param writes who wrote to what
   * @return one per input; null for none
   * @throws GradientException if a value was overwritten, or the operation answers nonsense
   */
  List<@Nullable Tensor> gradients(Backward pass, Writes writes) {
    requireUnchanged(writes);
    List<@Nullable Tensor> g = vjp.of(pass);
    if (g.size() != inputs.size()) {
      throw new GradientException(
          "["
              + name
              + "] vjp gave "
              + g.size()
              + " gradients for "
              + inputs.size()
              + " inputs; give one per input, null for none");
    }
    for (int i = 0; i < g.size(); i++) {
      Tensor gi = g.get(i);
      if (gi != null && pass.needs(i) && !gi.spec().equals(inputs.get(i).spec())) {
        throw new GradientException(
            "["
                + name
                + "] vjp gave "
                + gi.spec()
                + " as the gradient of input "
                + i
                + ", which is "
                + inputs.get(i).spec()
                + "; a gradient has its input's dtype and shape (see sumTo and cast)");
      }
    }
    return g;
  }

  /**
   * Refuses a gradient that would be made from other values than the call saw.
   *
   * @param writes who wrote to what
   * @throws GradientException if something that it reads was overwritten
   */
  void requireUnchanged(Writes writes) {
    for (Writes.Saved s : reads) {
      if (writes.haveChanged(s)) {
        throw new GradientException(
            "["
                + name
                + "] needs its input "
                + s.tensor().spec()
                + " for the gradient, but ["
                + writes.lastTo(s)
                + "] has overwritten it since; take gradients before updating the buffer, or copy"
                + " it first");
      }
    }
  }
}

package dev.quern.core.autograd;

import dev.quern.core.memory.Storage;
import dev.quern.core.op.Backward;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.GradientException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Notes the calls that depend on watched tensors while it is open on its thread.
 *
 * <p>It keeps noting while it computes gradients, so that gradients of gradients work. It belongs
 * to the thread that opened it.
 */
public final class Tape implements AutoCloseable {
  private record Saved(Tensor tensor, int version) {
    static Saved of(Tensor t) {
      return new Saved(t, t.hasValues() && t.storage().isMutable() ? t.storage().version() : 0);
    }

    boolean moved() {
      return tensor.hasValues()
          && tensor.storage().isMutable()
          && tensor.storage().version() != version;
    }
  }

  private record Entry(Op op, List<Saved> inputs, List<Tensor> outputs, List<Tensor> residuals) {}

  private final List<Entry> entries = new ArrayList<>();
  private final Set<Tensor> tracked = Collections.newSetFromMap(new IdentityHashMap<>());
  private final IdentityHashMap<Storage, Op> writers = new IdentityHashMap<>();
  private final Consumer<Tape> onClose;

  /**
   * A tape, for engines.
   *
   * @param onClose called when it is closed
   */
  public Tape(Consumer<Tape> onClose) {
    this.onClose = onClose;
  }

  /**
   * Asks for gradients with respect to a tensor.
   *
   * @param tensors of floating point
   * @throws GradientException if one is not
   */
  public void watch(Tensor... tensors) {
    for (Tensor t : tensors) {
      if (!t.dtype().isFloating() || t.dtype().isBlock()) {
        throw new GradientException(
            "[watch] tensor " + t.spec() + " has no gradient; watch F32, F64, F16 or BF16");
      }
      tracked.add(t);
    }
  }

  /**
   * Whether a call must be noted.
   *
   * @param inputs its operands
   * @return true if one of them depends on a watched tensor
   */
  public boolean concerns(List<Tensor> inputs) {
    for (Tensor t : inputs) {
      if (tracked.contains(t)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Notes a call. Called by the engine for every call on this thread.
   *
   * @param op the operation
   * @param inputs its operands
   * @param outputs its results
   * @param residuals what it kept for the backward pass
   */
  public void note(Op op, List<Tensor> inputs, List<Tensor> outputs, List<Tensor> residuals) {
    for (int i : op.writes()) {
      if (inputs.get(i).hasValues()) {
        writers.put(inputs.get(i).storage(), op);
      }
    }
    if (!concerns(inputs)) {
      return;
    }
    for (Tensor t : outputs) {
      if (t.dtype().isFloating()) {
        tracked.add(t);
      }
    }
    entries.add(new Entry(op, inputs.stream().map(Saved::of).toList(), outputs, residuals));
  }

  /**
   * The gradients of a scalar.
   *
   * @param of a scalar of floating point, computed while the tape was open
   * @param by watched tensors
   * @return one gradient per tensor, of its dtype and shape; zeros where {@code of} doesn't depend
   *     on it
   * @throws GradientException if an operation in between has none, or a value it needs was
   *     overwritten
   */
  public List<Tensor> gradients(Tensor of, Tensor... by) {
    if (of.shape().elements() != 1) {
      throw new GradientException(
          "[gradients] " + of.spec() + " is no scalar; reduce it, for example with sum()");
    }
    IdentityHashMap<Tensor, Tensor> gradient = new IdentityHashMap<>();
    gradient.put(of, of.fullLike(1));
    List<Entry> forward = List.copyOf(entries);
    for (int i = forward.size() - 1; i >= 0; i--) {
      backward(forward.get(i), gradient);
    }
    List<Tensor> result = new ArrayList<>();
    for (Tensor t : by) {
      if (!tracked.contains(t)) {
        throw new GradientException(
            "[gradients] tensor " + t.spec() + " was not watched; call tape.watch(x) before use");
      }
      Tensor g = gradient.get(t);
      result.add(g == null ? t.fullLike(0) : g);
    }
    return result;
  }

  private void backward(Entry e, IdentityHashMap<Tensor, Tensor> gradient) {
    List<@Nullable Tensor> upstream = new ArrayList<>();
    boolean any = false;
    for (Tensor t : e.outputs()) {
      Tensor g = gradient.get(t);
      upstream.add(g);
      any |= g != null;
    }
    if (!any) {
      return;
    }
    List<Tensor> inputs = new ArrayList<>();
    for (Saved s : e.inputs()) {
      if (s.moved()) {
        Op writer = writers.get(s.tensor().storage());
        throw new GradientException(
            "["
                + e.op().name()
                + "] needs its input "
                + s.tensor().spec()
                + " for the gradient, but ["
                + (writer == null ? "a plan" : writer.name())
                + "] has overwritten it since; take gradients before updating the buffer, or copy"
                + " it first");
      }
      inputs.add(s.tensor());
    }
    Backward pass = new Backward(inputs, e.outputs(), e.residuals(), upstream);
    List<@Nullable Tensor> g = e.op().vjp(pass);
    for (int i = 0; i < inputs.size(); i++) {
      Tensor gi = g.get(i);
      if (gi != null && tracked.contains(inputs.get(i))) {
        gradient.merge(inputs.get(i), gi, Tensor::add);
      }
    }
  }

  /** Forgets everything. */
  @Override
  public void close() {
    entries.clear();
    tracked.clear();
    onClose.accept(this);
  }
}

package dev.quern.core.autograd;

import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The open tapes of one engine on one thread, for the engine: every call passes through here while
 * there are any.
 *
 * <p>They nest: each notes what concerns it, so a tape sees the gradients that an inner one takes.
 */
public final class Tapes {
  /** How a call is run. */
  @FunctionalInterface
  public interface Run {
    /**
     * Runs it.
     *
     * @param residuals whether residuals are wanted
     * @return the results, then the residuals if there are any
     */
    List<Tensor> run(boolean residuals);
  }

  private final List<Tape> open = new ArrayList<>(); // the innermost last
  private final Writes writes = new Writes();
  private final Runnable onLast;
  private boolean suspended;
  private @Nullable Probe probe;

  /**
   * No tapes yet.
   *
   * @param onLast called when the last one is closed
   */
  public Tapes(Runnable onLast) {
    this.onLast = onLast;
  }

  /**
   * Opens a tape inside those that are open.
   *
   * @return the tape
   */
  public Tape open() {
    Tape t = new Tape(this);
    open.add(t);
    return t;
  }

  boolean isInnermost(Tape t) {
    return !open.isEmpty() && open.getLast() == t;
  }

  void close(Tape t) {
    open.remove(t);
    if (open.isEmpty()) {
      onLast.run();
    }
  }

  /**
   * Runs a call and lets the tapes note it.
   *
   * @param op the operation
   * @param inputs its operands
   * @param call runs it
   * @return its results
   */
  public List<Tensor> apply(Op op, List<Tensor> inputs, Run call) {
    if (suspended) {
      return call.run(false);
    }
    for (int i : op.writes()) {
      writes.note(op, inputs.get(i));
    }
    boolean residuals;
    List<Tape> noting = List.of();
    if (probe != null) {
      residuals = probe.sees(op, inputs);
    } else {
      noting = noting(inputs);
      residuals = !noting.isEmpty();
    }
    if (!residuals) {
      return call.run(false);
    }
    List<Tensor> all;
    suspended = true; // the parts of a decomposition are not noted
    try {
      all = call.run(true);
    } finally {
      suspended = false;
    }
    List<TensorSpec> specs = inputs.stream().map(Tensor::spec).toList();
    int results = op.residuals(specs).isEmpty() ? all.size() : op.infer(specs).size();
    List<Tensor> outputs = all.subList(0, results);
    List<Tensor> kept = all.subList(results, all.size());
    if (probe != null) {
      probe.follows(outputs);
    }
    for (Tape t : noting) {
      t.note(new Call(op.name(), op, op::vjp, inputs, saved(inputs), outputs, kept));
    }
    return outputs;
  }

  /**
   * Runs something that is linear, reads one tensor and is no operation, and lets the tapes note
   * it.
   *
   * @param name for errors
   * @param input what it reads
   * @param gradient from the result's gradient to the input's
   * @param run computes the result
   * @return the result
   */
  public Tensor apply(
      String name, Tensor input, UnaryOperator<Tensor> gradient, Supplier<Tensor> run) {
    List<Tensor> inputs = List.of(input);
    boolean depends = false;
    List<Tape> noting = List.of();
    if (!suspended && probe != null) {
      depends = probe.sees(inputs);
    } else if (!suspended) {
      noting = noting(inputs);
      depends = !noting.isEmpty();
    }
    if (!depends) {
      return run.get();
    }
    Tensor result;
    suspended = true;
    try {
      result = run.get();
    } finally {
      suspended = false;
    }
    if (probe != null) {
      probe.follows(List.of(result));
    }
    Call.Vjp vjp =
        pass -> {
          List<@Nullable Tensor> g = new ArrayList<>();
          g.add(gradient.apply(pass.gradient()));
          return g;
        };
    for (Tape t : noting) {
      t.note(new Call(name, null, vjp, inputs, List.of(), List.of(result), List.of()));
    }
    return result;
  }

  private List<Tape> noting(List<Tensor> inputs) {
    List<Tape> noting = new ArrayList<>();
    for (Tape t : open) {
      if (t.isNoting() && t.concerns(inputs)) {
        noting.add(t);
      }
    }
    return noting;
  }

  private List<Writes.Saved> saved(List<Tensor> inputs) {
    return inputs.stream().map(writes::save).toList();
  }

  Writes writes() {
    return writes;
  }

  /** Whether nothing would be noted, whatever is called. */
  boolean isIdle() {
    return suspended || probe != null || open.stream().noneMatch(Tape::isNoting);
  }

  /** Whether a checkpoint's code is run for the first time, of which nothing is noted. */
  boolean isLookingOn() {
    return probe != null;
  }

  /** Whether a tensor depends on what a noting tape watches. */
  boolean isTracked(Tensor t) {
    return open.stream().anyMatch(tape -> tape.isNoting() && tape.concerns(List.of(t)));
  }

  /**
   * Runs code of which only its inputs and outputs are kept: for gradients it is run again.
   *
   * @param code a function of tensors, the same at each call
   * @param inputs its arguments
   * @return its results
   */
  public List<Tensor> checkpoint(UnaryOperator<List<Tensor>> code, List<Tensor> inputs) {
    if (isIdle()) {
      return code.apply(inputs);
    }
    Probe p = new Probe(this);
    List<Tensor> outputs;
    probe = p;
    try {
      outputs = Checkpoint.forward(code, inputs);
    } finally {
      probe = null;
    }
    return p.depends() ? noted(code, inputs, p, outputs) : outputs;
  }

  private List<Tensor> noted(
      UnaryOperator<List<Tensor>> code, List<Tensor> inputs, Probe p, List<Tensor> outputs) {
    // a new handle on what the code hands through, which can't be its own gradient's source, and on
    // what it hands out again, whose gradient would count for both
    Set<Tensor> handed = Collections.newSetFromMap(new IdentityHashMap<>());
    List<Tensor> results =
        outputs.stream()
            .map(t -> p.isMadeInside(t) && handed.add(t) ? t : t.executor().detach(t))
            .toList();
    List<Tensor> used = p.used();
    Call call =
        new Call(
            "checkpoint",
            null,
            pass -> Checkpoint.backward(code, inputs, pass, !isIdle()),
            used,
            p.reads(),
            results,
            List.of());
    for (Tape t : noting(used)) {
      t.note(call);
    }
    return results;
  }
}

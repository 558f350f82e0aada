package dev.quern.core.autograd;

import dev.quern.core.op.Backward;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.ShapeOp.Slice;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.GradientException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Notes the calls that depend on watched tensors while it is open on its thread, and takes
 * gradients by playing them backwards (reverse mode; Griewank and Walther, "Evaluating
 * Derivatives").
 *
 * <ul>
 *   <li>What is not watched costs nothing: calls on data and frozen parameters alone are not noted,
 *       and their gradients are not computed. {@link Tensor#detach} cuts a value off.
 *   <li>{@link #backward} is for training. {@link #gradients} can be differentiated again.
 *   <li>It works the same under a recording: then the plan holds the forward and backward pass.
 *   <li>Tapes nest, and the inner one is closed first. A tape belongs to the thread that opened it.
 * </ul>
 *
 * {@snippet :
 * try (Tape tape = engine.tape()) {
 *   tape.watch(w, b);
 *   Tensor loss = x.linear(w, b).crossEntropy(targets);
 *   Gradients g = tape.backward(loss);
 *   w.assign(w.sub(g.of(w).mul(0.1)));
 * }
 * }
 */
public final class Tape implements AutoCloseable {
  private final Tapes tapes;
  private final Thread thread = Thread.currentThread();
  private final List<Call> calls = new ArrayList<>();
  private final List<Tensor> watched = new ArrayList<>();
  private final Set<Tensor> tracked = identitySet();
  private boolean noting = true;
  private boolean open = true;

  Tape(Tapes tapes) {
    this.tapes = tapes;
  }

  private static Set<Tensor> identitySet() {
    return Collections.newSetFromMap(new IdentityHashMap<>());
  }

  /**
   * Asks for gradients with respect to tensors: those computed from them from now on are followed.
   *
   * @param tensors of floating point; this very handle is to be used in what follows
   * @throws GradientException if one is not of floating point, or has a block type
   */
  public void watch(Tensor... tensors) {
    checkUsable("watch");
    for (Tensor t : tensors) {
      if (t.dtype().isBlock()) {
        throw new GradientException(
            "[watch] quantised tensor "
                + t.spec()
                + " has no gradient: its values can't move by small steps. Gradients pass through"
                + " products with it; watch their other operand, or cast the tensor to F32 and"
                + " watch that");
      }
      if (!t.dtype().isFloating() || !t.dtype().isArithmetic()) {
        throw new GradientException(
            "[watch] tensor " + t.spec() + " has no gradient; watch F32, F64, F16 or BF16");
      }
      if (!watched.contains(t)) {
        watched.add(t);
      }
      tracked.add(t);
    }
  }

  /**
   * Asks for gradients with respect to parameters.
   *
   * @param parameters their {@link Buffer#value()} is watched
   * @throws GradientException if one is not of floating point, or has a block type
   */
  public void watch(Buffer... parameters) {
    for (Buffer b : parameters) {
      watch(b.value());
    }
  }

  /**
   * The gradients of a scalar with respect to all watched tensors. They can't be differentiated
   * again; the tape goes on afterwards.
   *
   * @param loss a scalar of floating point, computed while the tape was open
   * @return the gradients
   * @throws GradientException if the loss is no scalar or depends on nothing watched, if an
   *     operation in between has no gradient, or if a value it needs was overwritten
   */
  public Gradients backward(Tensor loss) {
    requireScalar("backward", loss);
    return backward(loss, loss.fullLike(1));
  }

  /**
   * The gradients of Σ of · gradient with respect to all watched tensors, which is the
   * vector-Jacobian product. They can't be differentiated again.
   *
   * @param of computed while the tape was open
   * @param gradient dtype and shape of {@code of}
   * @return the gradients
   * @throws GradientException as {@link #backward(Tensor)}
   */
  public Gradients backward(Tensor of, Tensor gradient) {
    checkNoted("backward");
    if (!tracked.contains(of)) {
      throw new GradientException(
          "[backward] "
              + of.spec()
              + " depends on no watched tensor; call tape.watch(parameters) before the forward"
              + " pass, use the watched handles in it, and detach nothing in between");
    }
    if (!gradient.spec().equals(of.spec())) {
      throw new GradientException(
          "[backward] the gradient is " + gradient.spec() + ", but its tensor is " + of.spec());
    }
    boolean before = noting;
    noting = false;
    try {
      List<Tensor> by = List.copyOf(watched);
      return new Gradients(by, pull(List.of(of), List.of(gradient), by));
    } finally {
      noting = before;
    }
  }

  /**
   * The gradients of a scalar, which can be differentiated again.
   *
   * @param of a scalar of floating point, computed while the tape was open
   * @param by watched tensors, or what was computed from them
   * @return one gradient per tensor, of its dtype and shape; zeros where {@code of} doesn't depend
   *     on it
   * @throws GradientException if an operation in between has none, or a value it needs was
   *     overwritten
   */
  public List<Tensor> gradients(Tensor of, Tensor... by) {
    requireScalar("gradients", of);
    checkNoted("gradients");
    for (Tensor t : by) {
      if (!tracked.contains(t)) {
        throw new GradientException(
            "[gradients] tensor " + t.spec() + " was not watched; call tape.watch(x) before use");
      }
    }
    List<Tensor> wanted = List.of(by);
    List<@Nullable Tensor> found = pull(List.of(of), List.of(of.fullLike(1)), wanted);
    List<Tensor> result = new ArrayList<>();
    for (int i = 0; i < by.length; i++) {
      Tensor g = found.get(i);
      result.add(g == null ? by[i].fullLike(0) : g);
    }
    return result;
  }

  /**
   * Runs code of which only inputs and results are kept until the gradient is taken; then it is run
   * again. Memory for time, for example around each layer.
   *
   * <p>The code must compute the same each time: chance comes from seeds that are its inputs
   * ({@link Tensor#dropout}), it writes to no buffer, and it takes no gradients. Gradients also
   * reach watched tensors that it uses without their being among the inputs.
   *
   * @param code from inputs to results
   * @param inputs its arguments
   * @return its results
   * @throws GradientException if the code writes to a buffer
   */
  public List<Tensor> checkpoint(UnaryOperator<List<Tensor>> code, List<Tensor> inputs) {
    checkUsable("checkpoint");
    return tapes.checkpoint(code, inputs);
  }

  /**
   * The same for code of one argument and one result.
   *
   * @param code from input to result
   * @param input its argument
   * @return its result
   * @throws GradientException if the code writes to a buffer
   */
  public Tensor checkpoint(UnaryOperator<Tensor> code, Tensor input) {
    return checkpoint(in -> List.of(code.apply(in.getFirst())), List.of(input)).getFirst();
  }

  /**
   * How many calls it has noted: those that depend on watched tensors.
   *
   * @return the number
   */
  public int size() {
    return calls.size();
  }

  boolean isNoting() {
    return noting;
  }

  /** Whether one of these depends on a watched tensor. */
  boolean concerns(List<Tensor> tensors) {
    for (Tensor t : tensors) {
      if (tracked.contains(t)) {
        return true;
      }
    }
    return false;
  }

  void note(Call call) {
    boolean followed = false;
    for (Tensor t : call.outputs()) {
      if (t.dtype().isFloating()) {
        tracked.add(t);
        followed = true;
      }
    }
    if (followed) {
      calls.add(call);
    }
  }

  /** The gradients of Σ of · upstream; null for what they don't depend on. */
  private List<@Nullable Tensor> pull(
      List<Tensor> of, List<? extends @Nullable Tensor> upstream, List<Tensor> by) {
    int count = calls.size(); // what is noted from here on is the gradient itself
    Set<Tensor> relevant = identitySet();
    relevant.addAll(by);
    for (int i = 0; i < count; i++) {
      Call c = calls.get(i);
      if (c.inputs().stream().anyMatch(relevant::contains)) {
        c.outputs().stream().filter(tracked::contains).forEach(relevant::add);
      }
    }
    Sums sums = new Sums();
    for (int i = 0; i < of.size(); i++) {
      Tensor g = upstream.get(i);
      if (g != null) {
        sums.add(of.get(i), g);
      }
    }
    for (int i = count - 1; i >= 0; i--) {
      backward(calls.get(i), sums, relevant);
    }
    List<@Nullable Tensor> result = new ArrayList<>();
    for (Tensor t : by) {
      result.add(sums.get(t));
    }
    return result;
  }

  private void backward(Call c, Sums sums, Set<Tensor> relevant) {
    Set<Integer> needed = new HashSet<>();
    for (int i = 0; i < c.inputs().size(); i++) {
      if (relevant.contains(c.inputs().get(i))) {
        needed.add(i);
      }
    }
    List<@Nullable Tensor> upstream = new ArrayList<>();
    boolean any = false;
    for (Tensor t : c.outputs()) {
      Tensor g = sums.get(t);
      upstream.add(g);
      any |= g != null;
    }
    if (!any || needed.isEmpty()) {
      return;
    }
    Tensor first = upstream.getFirst();
    if (c.op() instanceof Slice slice && slice.step() == 1 && slice.length() > 0 && first != null) {
      c.requireUnchanged(tapes.writes());
      sums.add(c.inputs().getFirst(), slice, first);
      return;
    }
    Backward pass =
        new Backward(c.inputs(), c.outputs(), c.residuals(), upstream, needed, this::through);
    List<@Nullable Tensor> g = c.gradients(pass, tapes.writes());
    for (int i : needed) {
      Tensor gi = g.get(i);
      if (gi != null) {
        sums.add(c.inputs().get(i), gi);
      }
    }
  }

  /** Differentiates code by running it again under a tape of its own. */
  private List<@Nullable Tensor> through(UnaryOperator<List<Tensor>> code, Backward pass) {
    List<Tensor> by = new ArrayList<>();
    pass.needed().stream().sorted().forEach(i -> by.add(pass.input(i)));
    List<@Nullable Tensor> found;
    try (Tape inner = tapes.open()) {
      inner.tracked.addAll(by);
      List<Tensor> outputs = code.apply(pass.inputs());
      inner.noting = false;
      found = inner.pull(outputs, pass.gradients(), by);
    }
    List<@Nullable Tensor> all = new ArrayList<>();
    Set<Tensor> given = identitySet(); // an input that occurs twice has one gradient, the sum
    for (int i = 0; i < pass.inputs().size(); i++) {
      boolean first = pass.needs(i) && given.add(pass.input(i));
      all.add(first ? found.get(by.indexOf(pass.input(i))) : null);
    }
    return all;
  }

  private static void requireScalar(String what, Tensor of) {
    if (of.shape().elements() != 1) {
      throw new GradientException(
          "["
              + what
              + "] "
              + of.spec()
              + " is no scalar; reduce it, for example with sum() or mean()"
              + (what.equals("backward") ? ", or call backward(of, gradient)" : ""));
    }
  }

  private void checkNoted(String what) {
    checkUsable(what);
    if (tapes.isLookingOn()) {
      throw new GradientException(
          "["
              + what
              + "] this is a checkpoint's code, of which nothing is noted when it is first run;"
              + " take gradients outside, or don't checkpoint what takes them");
    }
  }

  private void checkUsable(String what) {
    if (!open) {
      throw new GradientException(
          "[" + what + "] the tape was closed; call it inside the tape's try block");
    }
    if (!Thread.currentThread().equals(thread)) {
      throw new GradientException(
          "["
              + what
              + "] the tape belongs to thread '"
              + thread.getName()
              + "' and was used on '"
              + Thread.currentThread().getName()
              + "'; open a tape per thread");
    }
  }

  /**
   * Forgets everything.
   *
   * @throws GradientException if a tape that was opened after it is still open
   */
  @Override
  public void close() {
    if (!open) {
      return;
    }
    checkUsable("close");
    if (!tapes.isInnermost(this)) {
      throw new GradientException(
          "[close] a tape opened after this one is still open; close the inner one first, best by"
              + " try-with-resources");
    }
    open = false;
    calls.clear();
    tracked.clear();
    watched.clear();
    tapes.close(this);
  }
}

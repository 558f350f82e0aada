package dev.quern.core.plan;

import dev.quern.core.op.FusedOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Recorder.Source;
import dev.quern.core.plan.Recorder.Step;
import dev.quern.core.spi.KernelRegistry.Choice;
import dev.quern.core.spi.KernelSignature;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Recorded calls, who makes and who reads their values, and the putting of one call in the place of
 * several, if one provider runs them all and has a kernel for the whole at their precision.
 */
final class StepGraph {
  private final Eager eager;
  private final Function<Tensor, Source> sources;
  private final List<@Nullable Step> steps;
  private final Map<Workspace.Value, Integer> readers = new HashMap<>();
  private final Map<Workspace.Value, Integer> producer = new HashMap<>();

  /**
   * The calls of a recording.
   *
   * @param steps in order
   * @param outputs what the plan hands out
   * @param sources what symbolic tensors are made of
   * @param eager where kernels are chosen
   */
  StepGraph(
      List<Step> steps, Collection<Tensor> outputs, Function<Tensor, Source> sources, Eager eager) {
    this.eager = eager;
    this.sources = sources;
    this.steps = new ArrayList<>(steps);
    for (int i = 0; i < steps.size(); i++) {
      steps.get(i).in().forEach(this::read);
      for (Tensor t : steps.get(i).out()) {
        producer.put(value(t), i);
      }
    }
    outputs.forEach(this::read);
  }

  /** How many calls there were; the places of those that became parts are empty. */
  int size() {
    return steps.size();
  }

  /** The call at a place, or null if it has become part of another. */
  @Nullable Step step(int i) {
    return steps.get(i);
  }

  /** The calls that are left, in order. */
  List<Step> left() {
    return steps.stream().filter(Objects::nonNull).toList();
  }

  /** The memory of a value that the plan makes; null for slots and what has values already. */
  Workspace.@Nullable Value value(Tensor t) {
    return t.hasValues() ? null : sources.apply(t).value();
  }

  private void read(Tensor t) {
    Workspace.Value v = value(t);
    if (v != null) {
      readers.merge(v, 1, Integer::sum);
    }
  }

  /** How often a value is read, outputs included. */
  int readers(Tensor t) {
    return readers.getOrDefault(value(t), 0);
  }

  /** Where a value is made; −1 if by none of the calls. */
  int producer(Tensor t) {
    return producer.getOrDefault(value(t), -1);
  }

  /**
   * Where a value is made, of its maker's first result, if this operand has the shape and the
   * layout in which it was made; −1 if not so. A reshape in between would give the fused call other
   * extents than its parts had.
   */
  int madeAt(Tensor operand) {
    int at = producer(operand);
    Step made = at < 0 ? null : steps.get(at);
    boolean whole = made != null && !made.out().isEmpty() && isSame(operand, made.out().getFirst());
    return whole ? at : -1;
  }

  /** As {@link #madeAt}, of a value that only this operand reads. */
  int onlyFor(Tensor operand) {
    return readers(operand) == 1 ? madeAt(operand) : -1;
  }

  /** Whether step {@code to} finds an operand as step {@code from} does, whatever it is. */
  boolean isKept(Tensor t, int from, int to) {
    return !t.hasValues() || isFixed(t, from, to);
  }

  /** Whether a weight is the same at both steps: memory that none between writes. */
  boolean isFixed(Tensor t, int from, int to) {
    if (!t.hasValues()) {
      return false;
    }
    for (int i = from; t.storage().isMutable() && i <= to; i++) {
      Step s = steps.get(i);
      if (s != null && s.op().writes().stream().anyMatch(w -> isStorage(s.in().get(w), t))) {
        return false;
      }
    }
    return true;
  }

  private static boolean isStorage(Tensor a, Tensor b) {
    return a.hasValues() && a.storage() == b.storage();
  }

  /** {@link #isFixed} of each. */
  boolean areFixed(List<Tensor> tensors, int from, int to) {
    return tensors.stream().allMatch(t -> isFixed(t, from, to));
  }

  /** Whether two operands are one value, in one layout. */
  boolean isSame(Tensor a, Tensor b) {
    Workspace.Value v = value(a);
    return v != null && v == value(b) && a.layout().equals(b.layout());
  }

  /** The step that reads a value, as it was made, as its operand of this number; −1 if none. */
  int reader(Tensor of, int operand, int from) {
    for (int i = from; i < steps.size(); i++) {
      Step s = steps.get(i);
      if (s != null && s.in().size() > operand && isSame(s.in().get(operand), of)) {
        return i;
      }
    }
    return -1;
  }

  /** Puts one call in the place of its parts, at step i, if whoever runs the parts has a kernel. */
  boolean replace(Op op, List<Tensor> in, List<Tensor> out, int i, List<Step> parts) {
    Step whole = whole(op, in, out, parts);
    if (whole == null) {
      return false;
    }
    put(whole, i, parts);
    return true;
  }

  /** One call for its parts, if whoever runs them has a kernel. */
  @Nullable Step whole(Op op, List<Tensor> in, List<Tensor> out, List<Step> parts) {
    KernelSignature s =
        KernelSignature.of(
            op, in, out.stream().map(Tensor::spec).toList(), false, eager.precision());
    Optional<Choice> choice = eager.home().kernels().find(s);
    boolean taken =
        choice.isPresent()
            && !choice.get().pack()
            && parts.stream().allMatch(p -> agrees(p, s, choice.get()));
    return taken ? new Step(op, choice.get(), s, in, out) : null;
  }

  /** Puts a call at step i, in the place of its parts. */
  void put(Step whole, int i, List<Step> parts) {
    steps.replaceAll(step -> step != null && parts.contains(step) ? null : step);
    steps.set(i, whole);
    for (Tensor t : whole.out()) {
      producer.put(value(t), i);
    }
  }

  private static boolean agrees(Step part, KernelSignature whole, Choice choice) {
    boolean product = part.op() instanceof MatMulOp || part.op() instanceof FusedOp;
    return part.choice().provider().equals(choice.provider())
        && (part.out().size() <= 1 || part.op() instanceof NormGradOp) // nothing a tape keeps
        && (!product || part.signature().precision() == whole.precision());
  }
}

package dev.quern.core.plan;

import dev.quern.core.op.AttentionOp.Rope;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.MatMulOp.Linear;
import dev.quern.core.op.NormOp.RmsNorm;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Recorder.Source;
import dev.quern.core.plan.Recorder.Step;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Puts {@link FusedOp}s in the place of their parts: gated feed-forward layers, residual
 * connections before norms and after products, products of one left operand, rotated keys on their
 * way to a cache; in training those of {@link TrainingFusion}.
 *
 * <p>A value that nobody else reads may disappear into the call that reads it. A call moves down to
 * the last of its parts, or up to the first if all it needs is there; nothing it reads changes in
 * between: values of the plan and constants never do, and a call that reads a buffer, a weight in
 * training, moves past others only if none of them writes to it.
 */
final class Fusion {
  private final StepGraph graph;

  private Fusion(StepGraph graph) {
    this.graph = graph;
  }

  /**
   * The fused calls.
   *
   * @param steps in order
   * @param outputs what the plan hands out
   * @param sources what symbolic tensors are made of
   * @param eager where kernels are chosen
   * @return the calls that are left, in order
   */
  static List<Step> of(
      List<Step> steps, Collection<Tensor> outputs, Function<Tensor, Source> sources, Eager eager) {
    StepGraph graph = new StepGraph(steps, outputs, sources, eager);
    Fusion f = new Fusion(graph);
    for (int i = 0; i < steps.size(); i++) {
      f.fuseFeedForward(i);
    }
    for (int i = 0; i < steps.size(); i++) {
      f.fuseNorm(i); // before products take the residual: a norm reads its sum anyway
      f.fuseCacheWrite(i);
    }
    for (int i = 0; i < steps.size(); i++) {
      f.fuseResidual(i);
    }
    for (int i = 0; i < steps.size(); i++) {
      f.fuseSiblings(i);
    }
    TrainingFusion.apply(graph);
    return graph.left();
  }

  /** The operand's maker, if it is a product without bias that step i may compute. */
  private @Nullable Step productFor(Tensor operand, int i) {
    int at = graph.onlyFor(operand);
    Step s = at < 0 ? null : graph.step(at);
    boolean product =
        s != null && s.op().equals(new Linear(false)) && graph.isFixed(s.in().get(1), at, i);
    return product ? s : null;
  }

  private void fuseFeedForward(int i) {
    Step down = graph.step(i);
    if (down == null
        || !down.op().equals(new Linear(false))
        || !graph.isFixed(down.in().get(1), i, i)) {
      return;
    }
    int at = graph.onlyFor(down.in().getFirst());
    Step gated = at < 0 ? null : graph.step(at);
    if (gated == null
        || !(gated.op() instanceof BinaryOp.SwiGlu || gated.op() instanceof BinaryOp.GeGlu)) {
      return;
    }
    Step gate = productFor(gated.in().get(0), i);
    Step up = productFor(gated.in().get(1), i);
    if (gate == null || up == null || !graph.isSame(gate.in().getFirst(), up.in().getFirst())) {
      return;
    }
    Tensor gateWeight = gate.in().get(1);
    Tensor upWeight = up.in().get(1);
    if (!gateWeight.spec().equals(upWeight.spec())) {
      return;
    }
    Op op = new FusedOp.GatedFeedForward((BinaryOp) gated.op(), false);
    List<Tensor> in = List.of(gate.in().getFirst(), gateWeight, upWeight, down.in().get(1));
    graph.replace(op, in, down.out(), i, List.of(gate, up, gated, down));
  }

  /**
   * A residual connection and the norm after it, which moves up to the sum: that has other readers,
   * the next residual connection among them.
   */
  private void fuseNorm(int i) {
    Step norm = graph.step(i);
    if (norm == null || !(norm.op() instanceof RmsNorm(float eps)) || norm.out().size() > 1) {
      return;
    }
    int at = graph.madeAt(norm.in().getFirst());
    Step add = at < 0 ? null : graph.step(at);
    Tensor weight = norm.in().get(1);
    if (add == null
        || !(add.op() instanceof BinaryOp.Add)
        || !add.in().get(0).shape().equals(add.in().get(1).shape())
        || !graph.isFixed(weight, at, i)) {
      return;
    }
    List<Tensor> in = List.of(add.in().get(0), add.in().get(1), weight);
    List<Tensor> out = List.of(add.out().getFirst(), norm.out().getFirst());
    graph.replace(new FusedOp.AddRmsNorm(eps), in, out, at, List.of(add, norm));
  }

  private void fuseCacheWrite(int i) {
    Step write = graph.step(i);
    if (write == null || !(write.op() instanceof BufferOp.CacheWrite(boolean hasPages))) {
      return;
    }
    int at = graph.onlyFor(write.in().get(1));
    Step rope = at < 0 ? null : graph.step(at);
    if (rope == null
        || !(rope.op() instanceof Rope(boolean interleaved))
        || !rope.in().stream().allMatch(t -> graph.isKept(t, at, i))) {
      return;
    }
    List<Tensor> in = new ArrayList<>(rope.in());
    in.addFirst(write.in().getFirst());
    in.addAll(write.in().subList(2, write.in().size()));
    Op op = new FusedOp.RopeCacheWrite(interleaved, hasPages);
    graph.replace(op, in, List.of(), i, List.of(rope, write));
  }

  private void fuseResidual(int i) {
    Step add = graph.step(i);
    if (add == null || !(add.op() instanceof BinaryOp.Add)) {
      return;
    }
    for (int side : new int[] {1, 0}) {
      Tensor sum = add.in().get(side);
      Tensor residual = add.in().get(1 - side);
      int at = graph.onlyFor(sum);
      Step product = at < 0 ? null : graph.step(at);
      if (product == null
          || !sum.shape().equals(residual.shape())
          || graph.value(product.in().getFirst()) == null) {
        continue;
      }
      Op op =
          switch (product.op()) {
            case Linear(boolean bias) -> new FusedOp.LinearAdd(bias);
            case FusedOp.GatedFeedForward(BinaryOp gate, boolean added) when !added ->
                new FusedOp.GatedFeedForward(gate, true);
            default -> null;
          };
      if (op == null || !graph.areFixed(product.in().subList(1, product.in().size()), at, i)) {
        continue;
      }
      List<Tensor> in = new ArrayList<>(product.in());
      in.add(residual);
      if (graph.replace(op, in, add.out(), i, List.of(product, add))) {
        return;
      }
    }
  }

  private void fuseSiblings(int i) {
    Step first = graph.step(i);
    if (first == null || !(first.op() instanceof Linear(boolean bias)) || !isSibling(i, i)) {
      return;
    }
    List<Step> parts = siblings(i);
    if (parts.size() < 2) {
      return;
    }
    List<Tensor> in = new ArrayList<>(first.in().subList(0, 1));
    for (int operand = 1; operand < first.in().size(); operand++) {
      for (Step s : parts) {
        in.add(s.in().get(operand));
      }
    }
    List<Tensor> out = parts.stream().map(s -> s.out().getFirst()).toList();
    graph.replace(new FusedOp.Linears(parts.size(), bias), in, out, i, parts);
  }

  /**
   * Products of the left operand of step i, until one of them is read: a later one's result would
   * wait beside those that are in use, and of many layers all at once.
   */
  private List<Step> siblings(int i) {
    List<Step> parts = new ArrayList<>();
    for (int j = i; j < graph.size(); j++) {
      Step s = graph.step(j);
      if (s != null && parts.stream().anyMatch(p -> readsFrom(s, p))) {
        return parts;
      }
      if (s != null && isSibling(i, j)) {
        parts.add(s);
      }
    }
    return parts;
  }

  private boolean readsFrom(Step s, Step maker) {
    Workspace.Value made = graph.value(maker.out().getFirst());
    return s.in().stream().anyMatch(t -> graph.value(t) == made);
  }

  private boolean isSibling(int i, int j) {
    Step first = Objects.requireNonNull(graph.step(i));
    Step s = Objects.requireNonNull(graph.step(j));
    return s.op().equals(first.op())
        && graph.isSame(first.in().getFirst(), s.in().getFirst())
        && graph.areFixed(s.in().subList(1, s.in().size()), i, j);
  }
}

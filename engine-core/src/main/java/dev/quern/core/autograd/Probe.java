package dev.quern.core.autograd;

import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.GradientException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/** Looks on while a checkpoint's code runs: what it uses from outside, not what it makes. */
final class Probe {
  private final Tapes tapes;
  private final Set<Tensor> used = identitySet();
  private final List<Tensor> order = new ArrayList<>();
  private final Set<Tensor> inside = identitySet();
  private final List<Writes.Saved> reads = new ArrayList<>();

  Probe(Tapes tapes) {
    this.tapes = tapes;
  }

  private static Set<Tensor> identitySet() {
    return Collections.newSetFromMap(new IdentityHashMap<>());
  }

  /** A call; true if its results depend on something watched. */
  boolean sees(Op op, List<Tensor> inputs) {
    if (!op.writes().isEmpty()) {
      throw new GradientException(
          "[checkpoint] the code writes to a buffer with ["
              + op.name()
              + "], and would again when it is run for the gradient; write outside the checkpoint");
    }
    return sees(inputs);
  }

  /** Something that reads tensors and writes to none. */
  boolean sees(List<Tensor> inputs) {
    boolean depends = false;
    for (Tensor t : inputs) {
      if (inside.contains(t)) {
        depends = true;
      } else if (tapes.isTracked(t)) {
        depends = true;
        if (used.add(t)) {
          order.add(t);
          reads.add(tapes.writes().save(t));
        }
      } else if (Writes.isMutable(t)) {
        reads.add(tapes.writes().save(t));
      }
    }
    return depends;
  }

  /** The results of a call that depends on something watched. */
  void follows(List<Tensor> outputs) {
    inside.addAll(outputs);
  }

  /** Whether a tensor is the result of such a call. */
  boolean isMadeInside(Tensor t) {
    return inside.contains(t);
  }

  boolean depends() {
    return !order.isEmpty();
  }

  /** The tensors from outside that are watched, or depend on such. */
  List<Tensor> used() {
    return List.copyOf(order);
  }

  /** These, and the buffers it read. */
  List<Writes.Saved> reads() {
    return List.copyOf(reads);
  }
}

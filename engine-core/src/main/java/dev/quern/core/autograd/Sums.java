package dev.quern.core.autograd;

import dev.quern.core.op.ShapeOp.Slice;
import dev.quern.core.op.Tensor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Gradients by tensor; a tensor that occurs twice gets the sum. Those of slices wait until the
 * tensor's own is asked for and are then put side by side: what was split costs one concatenation,
 * and not for each part a tensor that is mostly zeros, and their sum.
 */
final class Sums {
  private record Part(int axis, long start, Tensor gradient) {
    long end() {
      return start + gradient.shape().dim(axis);
    }
  }

  private final IdentityHashMap<Tensor, Tensor> sums = new IdentityHashMap<>();
  private final IdentityHashMap<Tensor, List<Part>> parts = new IdentityHashMap<>();

  /** Adds a gradient of a tensor. */
  void add(Tensor of, Tensor gradient) {
    Tensor known = sums.get(of);
    sums.put(of, known == null ? gradient : known.add(gradient));
  }

  /** Adds the gradient of a slice of a tensor, not empty and of step 1. */
  void add(Tensor of, Slice slice, Tensor gradient) {
    Part part = new Part(of.shape().axis(slice.axis()), slice.start(), gradient);
    parts.computeIfAbsent(of, _ -> new ArrayList<>()).add(part);
  }

  /** The gradient of a tensor, null if there is none. */
  @Nullable Tensor get(Tensor of) {
    List<Part> waiting = parts.remove(of);
    if (waiting != null) {
      if (areApart(waiting)) {
        add(of, sideBySide(of, waiting));
      } else {
        waiting.forEach(p -> add(of, sideBySide(of, List.of(p))));
      }
    }
    return sums.get(of);
  }

  /** Whether they are parts of one axis that do not overlap; sorts them by their beginnings. */
  private static boolean areApart(List<Part> parts) {
    if (parts.stream().anyMatch(p -> p.axis != parts.getFirst().axis)) {
      return false;
    }
    parts.sort(Comparator.comparingLong(Part::start));
    for (int i = 1; i < parts.size(); i++) {
      if (parts.get(i).start < parts.get(i - 1).end()) {
        return false;
      }
    }
    return true;
  }

  /** Parts in order, with zeros where there are none. */
  private static Tensor sideBySide(Tensor of, List<Part> parts) {
    int axis = parts.getFirst().axis;
    Tensor zero = parts.getFirst().gradient.scalarLike(0);
    List<Tensor> all = new ArrayList<>();
    long at = 0;
    for (Part p : parts) {
      if (p.start > at) {
        all.add(zero.expand(of.shape().with(axis, p.start - at)));
      }
      all.add(p.gradient);
      at = p.end();
    }
    long rest = of.shape().dim(axis) - at;
    if (rest > 0) {
      all.add(zero.expand(of.shape().with(axis, rest)));
    }
    Tensor first = all.getFirst();
    return all.size() == 1
        ? first
        : first.concat(axis, all.subList(1, all.size()).toArray(Tensor[]::new));
  }
}

package dev.quern.core.op;

import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.List;

/** Gradients of reductions. */
final class ReduceMath {
  private ReduceMath() {}

  /** The shape of a reduction's result with the reduced axes kept. */
  static Shape kept(Shape x, List<Integer> axes) {
    Shape kept = x;
    for (int a : axes) {
      kept = kept.with(a, 1);
    }
    return kept;
  }

  /** A result, or its gradient, with the reduced axes as 1, so that it broadcasts to x. */
  static Tensor spread(Tensor t, Tensor x, List<Integer> axes) {
    return t.reshape(kept(x.shape(), axes));
  }

  /** Σ of a tensor over the axes, kept as 1; what is reduced over no axes is the tensor. */
  static Tensor sum(Tensor t, List<Integer> axes) {
    return t.executor().one(new ReduceOp.Sum(axes, true), t);
  }

  /** How many elements become one. */
  static long count(Shape x, List<Integer> axes) {
    long n = 1;
    for (int a : axes) {
      n *= x.dim(a);
    }
    return n;
  }

  /** The gradient of an extreme, divided evenly among the elements that have it. */
  static Tensor extreme(Backward p, List<Integer> axes) {
    Tensor x = p.input(0);
    Tensor g = spread(p.gradient(), x, axes);
    Tensor has = x.equal(spread(p.output(), x, axes));
    Tensor share = g.div(sum(has.cast(g.dtype()), axes));
    return has.where(share, share.scalarLike(0));
  }

  /** g · Π of all others, without a division. */
  static Tensor prod(Backward p, List<Integer> axes) {
    Tensor x = p.input(0);
    int rank = x.shape().rank();
    List<Integer> order = new ArrayList<>();
    for (int a = 0; a < rank; a++) {
      order.add(a);
    }
    List<Integer> reduced = axes.stream().map(x.shape()::axis).toList();
    order.removeAll(reduced);
    int keptAxes = order.size();
    order.addAll(reduced);
    int[] forth = order.stream().mapToInt(i -> i).toArray();
    int[] back = new int[rank];
    for (int i = 0; i < rank; i++) {
      back[forth[i]] = i;
    }
    Tensor moved = x.permute(forth);
    Shape kept = moved.shape().slice(0, keptAxes);
    long n = count(x.shape(), axes);
    Tensor line = moved.reshape(kept.concat(Shape.of(n)));
    Tensor g = p.gradient().reshape(kept.concat(Shape.of(1)));
    Tensor d = g.mul(others(line, n));
    return d.reshape(moved.shape()).permute(back);
  }

  /** For each element of the last axis the product of those before it and those after it. */
  private static Tensor others(Tensor x, long n) {
    return before(x, n, false).mul(before(x, n, true));
  }

  /** Products of all elements before each one (or after it), in log n steps. */
  private static Tensor before(Tensor x, long n, boolean after) {
    Tensor y = shifted(x, 1, n, after);
    for (long d = 1; d < n; d *= 2) {
      y = y.mul(shifted(y, d, n, after));
    }
    return y;
  }

  /** The elements moved d places towards the end (or the beginning), ones where they were. */
  private static Tensor shifted(Tensor x, long d, long n, boolean towardsBeginning) {
    long by = Math.min(d, n);
    Tensor ones = x.scalarLike(1).expand(x.shape().with(-1, by));
    return towardsBeginning
        ? x.slice(-1, by, n - by).concat(-1, ones)
        : ones.concat(-1, x.slice(-1, 0, n - by));
  }

  /** 2 · (x − mean) / (n − correction) · g. */
  static Tensor var(Backward p, List<Integer> axes, int correction) {
    Tensor x = p.input(0);
    long n = count(x.shape(), axes);
    Tensor centred = x.sub(x.executor().one(new ReduceOp.Mean(axes, true), x));
    Tensor g = spread(p.gradient(), x, axes).mul(2);
    return centred.mul(g).div((double) Math.max(0, n - correction));
  }

  /** e^(x − y) · g; nothing where all x are −∞. */
  static Tensor logSumExp(Backward p, List<Integer> axes) {
    Tensor x = p.input(0);
    Tensor y = spread(p.output(), x, axes);
    Tensor empty = y.equal(y.scalarLike(Double.NEGATIVE_INFINITY));
    Tensor finite = empty.where(y.scalarLike(0), y);
    return x.sub(finite).exp().mul(spread(p.gradient(), x, axes));
  }
}

package dev.quern.core.op;

import dev.quern.core.type.GradientException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Gradients of matrix products. Axes along which an operand was broadcast become part of the inner
 * axis, so that one product sums over them: its gradient is never made once per batch.
 */
final class MatMulMath {
  private MatMulMath() {}

  static List<@Nullable Tensor> matmul(Backward p) {
    Tensor g = p.gradient();
    Tensor a = p.input(0);
    Tensor b = p.input(1);
    Tensor da = null;
    if (p.needs(0)) {
      requireNumbers(a, "matmul");
      da = product(g, dequantized(b).transpose(), a);
    }
    Tensor db = null;
    if (p.needs(1)) {
      requireNumbers(p.input(1), "matmul");
      db = product(wide(a, b).transpose(), g, b);
    }
    return Arrays.asList(da, db);
  }

  static List<@Nullable Tensor> linear(Backward p, boolean bias) {
    Tensor g = p.gradient();
    Tensor x = p.input(0);
    Tensor w = p.input(1);
    List<@Nullable Tensor> d = new ArrayList<>();
    if (p.needs(0)) {
      requireNumbers(x, "linear");
      d.add(linear(g, dequantized(w)));
    } else {
      d.add(null);
    }
    if (p.needs(1)) {
      requireNumbers(w, "linear");
      Tensor gRows = wide(g.reshape(rows(g.shape())), w);
      d.add(gRows.transpose().matmul(x.reshape(rows(x.shape()))).cast(w.dtype()));
    } else {
      d.add(null);
    }
    if (bias) {
      d.add(p.needs(2) ? g.sumTo(p.input(2).shape()) : null);
    }
    return d;
  }

  /** g · w, for g of any rank. */
  private static Tensor linear(Tensor g, Tensor w) {
    Tensor rows = g.shape().rank() == 1 ? g.unsqueeze(0) : g;
    Tensor d = rows.matmul(w);
    return g.shape().rank() == 1 ? d.squeeze(0) : d;
  }

  private static Shape rows(Shape s) {
    long n = s.rank() == 1 ? 1 : s.slice(0, s.rank() - 1).elements();
    return Shape.of(n, s.dim(-1));
  }

  /** Blocks run along the inner axis; for a product along the other they are widened first. */
  private static Tensor dequantized(Tensor w) {
    if (!w.dtype().isBlock()) {
      return w;
    }
    boolean rows = w.layout().stride(-1) == 1;
    return rows
        ? w.cast(ScalarType.F32)
        : w.transpose().cast(ScalarType.F32).transpose(); // as blocks lie in memory
  }

  private static void requireNumbers(Tensor w, String op) {
    if (!w.dtype().isArithmetic()) {
      throw new GradientException(
          "["
              + op
              + "] the quantised operand "
              + w.spec()
              + " has no gradient; train an adapter beside it, or cast it to F32 and watch that");
    }
  }

  /** A left operand in a type whose products have the weight's precision. */
  private static Tensor wide(Tensor left, Tensor weight) {
    boolean narrow = weight.dtype() == ScalarType.F32 && left.dtype() == ScalarType.BF16;
    return narrow ? left.cast(ScalarType.F32) : left;
  }

  /**
   * x · y, summed over the axes along which the operand that it is the gradient of was repeated.
   */
  private static Tensor product(Tensor x, Tensor y, Tensor of) {
    int rank = Math.max(x.shape().rank(), y.shape().rank());
    Tensor l = withRank(x, rank);
    Tensor r = withRank(y, rank);
    int batchAxes = rank - 2;
    int missing = rank - of.shape().rank();
    List<Integer> kept = new ArrayList<>();
    List<Integer> summed = new ArrayList<>();
    for (int i = 0; i < batchAxes; i++) {
      long batch = Math.max(l.shape().dim(i), r.shape().dim(i));
      boolean repeated = i < missing || (of.shape().dim(i - missing) == 1 && batch != 1);
      (repeated ? summed : kept).add(i);
    }
    if (!summed.isEmpty()) {
      l = folded(l, r.shape(), kept, summed, true);
      r = folded(r, x.shape(), kept, summed, false);
    }
    Tensor d = l.matmul(r);
    return d.reshape(of.shape()).cast(of.dtype());
  }

  private static Tensor withRank(Tensor t, int rank) {
    Tensor r = t;
    while (r.shape().rank() < rank) {
      r = r.unsqueeze(0);
    }
    return r;
  }

  /** [kept..., m, summed · n] of a left operand, [kept..., summed · n, k] of a right one. */
  private static Tensor folded(
      Tensor t, Shape other, List<Integer> kept, List<Integer> summed, boolean left) {
    int rank = t.shape().rank();
    Shape full = t.shape();
    int shift = rank - other.rank();
    for (int a : summed) {
      long extent = a < shift ? 1 : other.dim(a - shift);
      full = full.with(a, full.dim(a) == 1 ? extent : full.dim(a));
    }
    List<Integer> order = new ArrayList<>(kept);
    if (left) {
      order.add(rank - 2);
      order.addAll(summed);
      order.add(rank - 1);
    } else {
      order.addAll(summed);
      order.add(rank - 2);
      order.add(rank - 1);
    }
    long inner = full.dim(left ? -1 : -2);
    long[] to = new long[kept.size() + 2];
    for (int i = 0; i < kept.size(); i++) {
      to[i] = full.dim(kept.get(i));
    }
    for (int a : summed) {
      inner *= full.dim(a);
    }
    to[kept.size()] = left ? full.dim(-2) : inner;
    to[kept.size() + 1] = left ? inner : full.dim(-1);
    return t.expand(full).permute(order.stream().mapToInt(i -> i).toArray()).reshape(Shape.of(to));
  }
}

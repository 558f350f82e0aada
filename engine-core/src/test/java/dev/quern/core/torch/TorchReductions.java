package dev.quern.core.torch;

import static dev.quern.core.torch.TorchOps.put;
import static dev.quern.core.torch.TorchOps.putAll;

import dev.quern.core.op.Tensor;
import java.util.List;

/** Reductions, scans and orders. */
final class TorchReductions {
  private TorchReductions() {}

  static void add() {
    put("sum", c -> c.in("input").sum(keep(c), dims(c)));
    put("mean", c -> c.in("input").mean(keep(c), dims(c)));
    put("prod", c -> c.in("input").prod(keep(c), dims(c)));
    put("amax", c -> c.in("input").max(keep(c), dims(c)));
    put("amin", c -> c.in("input").min(keep(c), dims(c)));
    put("logsumexp", c -> c.in("input").logSumExp(keep(c), dims(c)));
    put("var", TorchReductions::variance);
    put("std", c -> root(variance(c)));
    put("norm", TorchReductions::norm);
    putAll("max", c -> extreme(c, false));
    putAll("min", c -> extreme(c, true));
    put("cumsum", c -> c.in("input").cumSum((int) c.integer("dim", 0), false));
    putAll("sort", c -> ordered(c, c.flag("descending", false), -1));
    putAll("topk", c -> ordered(c, c.flag("largest", true), c.integer("k", 1)));
  }

  private static boolean keep(TorchCase c) {
    return c.flag("keepdim", false);
  }

  private static int[] dims(TorchCase c) {
    return c.integers("dim");
  }

  private static Tensor variance(TorchCase c) {
    int correction = (int) c.integer("correction", 1);
    return c.in("input").var(correction, keep(c), dims(c));
  }

  /** √x with the gradient 0 at 0. */
  private static Tensor root(Tensor x) {
    Tensor zero = x.scalarLike(0);
    Tensor none = x.equal(zero);
    return none.where(zero, none.where(x.scalarLike(1), x).sqrt());
  }

  private static Tensor norm(TorchCase c) {
    Tensor x = c.in("input");
    double p = c.number("ord", c.number("p", 2));
    if (p == 2) {
      return root(x.mul(x).sum(keep(c), dims(c)));
    }
    Tensor a = x.abs();
    if (Double.isInfinite(p)) {
      return p > 0 ? a.max(keep(c), dims(c)) : a.min(keep(c), dims(c));
    }
    if (p == 0) {
      return x.notEqual(x.scalarLike(0)).cast(x.dtype()).sum(keep(c), dims(c));
    }
    if (p == 1) {
      return a.sum(keep(c), dims(c));
    }
    Tensor sum = a.pow(p).sum(keep(c), dims(c));
    Tensor none = sum.equal(sum.scalarLike(0));
    return none.where(sum.scalarLike(0), none.where(sum.scalarLike(1), sum).pow(1 / p));
  }

  private static List<Tensor> extreme(TorchCase c, boolean least) {
    Tensor x = c.in("input");
    if (!c.isSet("dim")) {
      return List.of(least ? x.min() : x.max());
    }
    int axis = (int) c.integer("dim", 0);
    Tensor first = (least ? x.neg() : x).argMax(axis, true);
    Tensor value = x.gather(axis, first);
    return keep(c) ? List.of(value, first) : List.of(value.squeeze(axis), first.squeeze(axis));
  }

  private static List<Tensor> ordered(TorchCase c, boolean descending, long k) {
    Tensor x = c.in("input");
    int axis = (int) c.integer("dim", -1);
    Tensor order = x.argSort(axis, descending);
    order = k < 0 ? order : order.slice(axis, 0, k);
    return List.of(x.gather(axis, order), order);
  }
}

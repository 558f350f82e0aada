package dev.quern.core.onnx;

import dev.quern.core.onnx.OnnxOps.Expression;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Reductions and normalisations. */
final class OnnxReductions {
  private OnnxReductions() {}

  /** Reduces over axes, keeping them or not. */
  @FunctionalInterface
  private interface Reduction {
    Tensor apply(Tensor x, boolean keep, int... axes);
  }

  static void add(Map<String, Expression> ops) {
    reduce(ops, "ReduceSum", Tensor::sum);
    reduce(ops, "ReduceMean", Tensor::mean);
    reduce(ops, "ReduceProd", Tensor::prod);
    reduce(ops, "ReduceMax", (x, keep, axes) -> extreme(x, true, keep, axes));
    reduce(ops, "ReduceMin", (x, keep, axes) -> extreme(x, false, keep, axes));
    reduce(ops, "ReduceLogSumExp", Tensor::logSumExp);
    reduce(ops, "ReduceLogSum", (x, keep, axes) -> x.sum(keep, axes).log());
    reduce(ops, "ReduceSumSquare", (x, keep, axes) -> x.mul(x).sum(keep, axes));
    reduce(ops, "ReduceL1", (x, keep, axes) -> x.abs().sum(keep, axes));
    reduce(ops, "ReduceL2", (x, keep, axes) -> x.mul(x).sum(keep, axes).sqrt());
    ops.put("ArgMax", c -> List.of(arg(c, c.in(0))));
    ops.put("ArgMin", c -> List.of(arg(c, c.in(0).neg())));
    ops.put("Softmax", c -> List.of(c.in(0).softmax(axis(c, -1))));
    ops.put("LogSoftmax", c -> List.of(c.in(0).logSoftmax(axis(c, -1))));
    ops.put("GlobalAveragePool", c -> List.of(c.in(0).mean(true, spatial(c.in(0)))));
    ops.put("GlobalMaxPool", c -> List.of(c.in(0).max(true, spatial(c.in(0)))));
    ops.put("LpNormalization", c -> List.of(lpNormalization(c)));
    ops.put("LayerNormalization", OnnxReductions::layerNormalization);
    ops.put("RMSNormalization", OnnxReductions::rmsNormalization);
    ops.put("InstanceNormalization", OnnxReductions::instanceNormalization);
    ops.put("GroupNormalization", c -> List.of(groupNormalization(c)));
    ops.put("BatchNormalization", OnnxReductions::batchNormalization);
  }

  private static int axis(OnnxCase c, int otherwise) {
    return (int) c.integer("axis", otherwise);
  }

  /** Axes from 2 on. */
  private static int[] spatial(Tensor x) {
    return IntStream.range(2, x.shape().rank()).toArray();
  }

  private static void reduce(Map<String, Expression> ops, String name, Reduction f) {
    ops.put(
        name,
        c -> {
          Tensor x = c.in(0);
          int[] axes =
              c.has(1)
                  ? Arrays.stream(c.longs(1)).mapToInt(Math::toIntExact).toArray()
                  : c.integers("axes");
          if (axes.length == 0 && c.integer("noop_with_empty_axes", 0) == 1) {
            return List.of(x);
          }
          return List.of(f.apply(x, c.integer("keepdims", 1) == 1, axes));
        });
  }

  /** BOOL goes through U8; nothing at all has the extreme ∓∞. */
  private static Tensor extreme(Tensor x, boolean max, boolean keep, int... axes) {
    if (x.dtype() == ScalarType.BOOL) {
      return extreme(x.cast(ScalarType.U8), max, keep, axes).cast(ScalarType.BOOL);
    }
    if (x.shape().elements() == 0) {
      double none = max ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
      return x.sum(keep, axes).fullLike(none);
    }
    return max ? x.max(keep, axes) : x.min(keep, axes);
  }

  private static Tensor arg(OnnxCase c, Tensor x) {
    int axis = axis(c, 0);
    boolean keep = c.integer("keepdims", 1) == 1;
    if (c.integer("select_last_index", 0) == 0) {
      return x.argMax(axis, keep);
    }
    long last = x.shape().dim(axis) - 1;
    Tensor reversed = x.slice(axis, last, last + 1, -1).argMax(axis, keep);
    return reversed.neg().add(reversed.fullLike(last));
  }

  private static Tensor lpNormalization(OnnxCase c) {
    Tensor x = c.in(0);
    int axis = axis(c, -1);
    Tensor norm =
        c.integer("p", 2) == 1 ? x.abs().sum(true, axis) : x.mul(x).sum(true, axis).sqrt();
    Tensor zero = x.scalarLike(0);
    return norm.equal(zero).where(zero, x.div(norm));
  }

  /** Over all axes from one on, as one. */
  private static List<Tensor> layerNormalization(OnnxCase c) {
    Tensor x = c.in(0);
    int axis = x.shape().axis(axis(c, -1));
    float eps = (float) c.number("epsilon", 1e-5);
    Tensor rows = rows(x, axis);
    long n = rows.shape().dim(-1);
    Tensor bias = c.has(2) ? c.in(2).reshape(n) : c.in(1).reshape(n).fullLike(0);
    Tensor y = rows.layerNorm(c.in(1).reshape(n), bias, eps).reshape(x.shape());
    int[] axes = IntStream.range(axis, x.shape().rank()).toArray();
    Tensor deviation = x.var(0, true, axes).add(eps).rsqrt();
    return List.of(y, x.mean(true, axes), deviation);
  }

  private static List<Tensor> rmsNormalization(OnnxCase c) {
    Tensor x = c.in(0);
    Tensor rows = rows(x, x.shape().axis(axis(c, -1)));
    Tensor weight = c.in(1).reshape(rows.shape().dim(-1));
    return List.of(rows.rmsNorm(weight, (float) c.number("epsilon", 1e-5)).reshape(x.shape()));
  }

  private static Tensor rows(Tensor x, int axis) {
    long n = x.shape().slice(axis, x.shape().rank()).elements();
    return x.reshape(x.shape().elements() / n, n);
  }

  private static List<Tensor> instanceNormalization(OnnxCase c) {
    Tensor x = c.in(0);
    int[] axes = spatial(x);
    Tensor r = x.var(0, true, axes).add(c.number("epsilon", 1e-5)).rsqrt();
    Tensor y = x.sub(x.mean(true, axes)).mul(r);
    return List.of(y.mul(channels(c.in(1), x)).add(channels(c.in(2), x)));
  }

  /** [n, c, ...] normalised over [c / groups, ...]. */
  private static Tensor groupNormalization(OnnxCase c) {
    Tensor x = c.in(0);
    long groups = c.integer("num_groups", 1);
    Tensor g =
        x.reshape(x.shape().dim(0), groups, x.shape().elements() / x.shape().dim(0) / groups);
    Tensor r = g.var(0, true, 2).add(c.number("epsilon", 1e-5)).rsqrt();
    Tensor y = g.sub(g.mean(true, 2)).mul(r).reshape(x.shape());
    return y.mul(channels(c.in(1), x)).add(channels(c.in(2), x));
  }

  /** With the given statistics, or in training with the batch's own, which move the given ones. */
  private static List<Tensor> batchNormalization(OnnxCase c) {
    Tensor x = c.in(0);
    Tensor mean = c.in(3);
    Tensor var = c.in(4);
    List<Tensor> moved = List.of();
    if (c.integer("training_mode", 0) == 1) {
      int[] axes = IntStream.range(0, x.shape().rank()).filter(a -> a != 1).toArray();
      double keep = c.number("momentum", 0.9);
      Tensor m = x.mean(false, axes);
      Tensor v = x.var(0, false, axes);
      moved = List.of(mean.mul(keep).add(m.mul(1 - keep)), var.mul(keep).add(v.mul(1 - keep)));
      mean = m;
      var = v;
    }
    Tensor r = channels(var, x).add(c.number("epsilon", 1e-5)).rsqrt();
    Tensor y = x.sub(channels(mean, x)).mul(r);
    List<Tensor> results = new ArrayList<>();
    results.add(y.mul(channels(c.in(1), x)).add(channels(c.in(2), x)));
    results.addAll(moved);
    return results;
  }

  /** [c] as [c, 1, 1...]. */
  private static Tensor channels(Tensor v, Tensor x) {
    Tensor t = v;
    for (int a = 2; a < x.shape().rank(); a++) {
      t = t.unsqueeze(-1);
    }
    return t;
  }
}

package dev.quern.core.op;

import dev.quern.core.op.PoolOp.AvgPool;
import dev.quern.core.op.PoolOp.MaxPool;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;

/** Pooling spelled in views of windows and reductions. */
final class PoolMath {
  private PoolMath() {}

  static Tensor max(MaxPool op, Tensor x) {
    Tensor w = windows(op, x, Double.NEGATIVE_INFINITY);
    int rank = x.shape().rank();
    Shape places = w.shape().slice(0, rank);
    Tensor lines =
        w.reshape(places.concat(Shape.of(w.shape().slice(rank, w.shape().rank()).elements())));
    Tensor first = lines.argMax(-1, true);
    return lines.gather(-1, first).squeeze(-1);
  }

  static Tensor average(AvgPool op, Tensor x) {
    Tensor w = windows(op, x, 0);
    int spatial = op.size().size();
    int[] axes = new int[spatial];
    for (int i = 0; i < spatial; i++) {
      axes[i] = 2 + spatial + i;
    }
    Tensor sum = w.sum(false, axes);
    for (int i = 0; i < spatial; i++) {
      Tensor counts = counts(op, x, i).cast(x.dtype());
      sum = sum.div(ConvMath.channels(counts, spatial - 1 - i));
    }
    return sum;
  }

  /** How many elements along one axis each window has, I64 [n]. */
  private static Tensor counts(AvgPool op, Tensor x, int i) {
    long extent = x.shape().dim(2 + i);
    long p = op.padding().get(i);
    CreateOp places =
        new CreateOp.Arange(ScalarType.I64, -p, op.stride().get(i), op.windows(i, extent));
    Tensor start = x.executor().create(places, x.device());
    double from = op.countPadding() ? -p : 0;
    double to = (double) (extent + (op.countPadding() ? p : 0));
    return start.add(op.size().get(i)).clip(from, to).sub(start.clip(from, to));
  }

  /** [b, c, n..., size...] of the padded input. */
  private static Tensor windows(PoolOp op, Tensor x, double padding) {
    Tensor y = x;
    int spatial = op.size().size();
    for (int i = 0; i < spatial; i++) {
      long extent = x.shape().dim(2 + i);
      long p = op.padding().get(i);
      long n = op.windows(i, extent);
      long span = (long) op.dilation().get(i) * (op.size().get(i) - 1) + 1;
      long needed = (n - 1) * op.stride().get(i) + span;
      y = ConvMath.padded(y, 2 + i, p, needed - p - extent, padding);
    }
    for (int i = 0; i < spatial; i++) {
      y = y.windows(2 + i, op.size().get(i), op.stride().get(i), op.dilation().get(i));
    }
    return y;
  }
}

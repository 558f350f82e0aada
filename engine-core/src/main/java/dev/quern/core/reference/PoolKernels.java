package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.PoolOp;
import dev.quern.core.op.PoolOp.AvgPool;
import dev.quern.core.op.PoolOp.MaxPool;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;

/** {@link PoolOp}: one result after another (parallel over them), its window in row-major order. */
final class PoolKernels {
  private static final int RESULTS_PER_SLICE = 64;
  private static final long OUTSIDE = Long.MIN_VALUE; // strides may be negative

  private PoolKernels() {}

  static Runnable bind(KernelArgs args) {
    PoolOp op = (PoolOp) args.op();
    TensorView y = args.output();
    return () ->
        Slices.over(
            args.pool(),
            y.shape().elements(),
            RESULTS_PER_SLICE,
            (first, last) -> results(op, args, first, last));
  }

  private static void results(PoolOp op, KernelArgs args, long first, long last) {
    TensorView x = args.input(0); // (B, C, S...)
    TensorView y = args.output(); // (B, C, N...)
    Elements in = Elements.of(x);
    Elements out = Elements.of(y);
    long[] size = op.size().stream().mapToLong(i -> i).toArray();
    Shape window = Shape.of(size);
    Strided result = Strided.over(y.shape(), y.layout()).seek(first);
    Strided at = Strided.over(window, Layout.contiguous(window));
    for (long r = first; r < last; r++, result.next()) {
      long base =
          x.layout().offset()
              + result.index(0) * x.layout().stride(0)
              + result.index(1) * x.layout().stride(1);
      double sum = 0;
      double max = Double.NEGATIVE_INFINITY;
      at.seek(0);
      for (long k = 0; k < window.elements(); k++, at.next()) {
        long place = place(op, x, result, at);
        if (place != OUTSIDE) {
          double v = in.get(base + place);
          sum += v;
          max = Math.max(max, v);
        }
      }
      out.set(
          result.at(0),
          switch (op) {
            case MaxPool _ -> max;
            case AvgPool a -> sum / count(a, x, result);
          });
    }
  }

  /** How far an element of a window is from its channel's first one, or {@link #OUTSIDE}. */
  private static long place(PoolOp op, TensorView x, Strided result, Strided window) {
    long place = 0;
    for (int i = 0; i < op.size().size(); i++) {
      long at =
          result.index(2 + i) * op.stride().get(i)
              + window.index(i) * op.dilation().get(i)
              - op.padding().get(i);
      if (at < 0 || at >= x.shape().dim(2 + i)) {
        return OUTSIDE;
      }
      place += at * x.layout().stride(2 + i);
    }
    return place;
  }

  /** By what the sum of a window is divided. */
  private static double count(AvgPool op, TensorView x, Strided result) {
    long count = 1;
    for (int i = 0; i < op.size().size(); i++) {
      long p = op.padding().get(i);
      long start = result.index(2 + i) * op.stride().get(i) - p;
      long low = op.countPadding() ? -p : 0;
      long high = x.shape().dim(2 + i) + (op.countPadding() ? p : 0);
      count *= Math.min(start + op.size().get(i), high) - Math.max(start, low);
    }
    return (double) count;
  }
}

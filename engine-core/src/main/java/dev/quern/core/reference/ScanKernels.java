package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ScanOp;
import dev.quern.core.op.ScanOp.ArgSort;
import dev.quern.core.op.ScanOp.CumSum;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import java.util.Arrays;
import java.util.Comparator;

/** {@link ScanOp}: each line along the axis on its own; parallel over lines. */
final class ScanKernels {
  private static final int LINES_PER_SLICE = 8;

  private ScanKernels() {}

  /** One line, from and to positions in the storages. */
  @FunctionalInterface
  private interface Line {
    void run(long from, long to);
  }

  static Runnable bind(KernelArgs args) {
    TensorView x = args.input(0);
    TensorView y = args.output();
    return switch ((ScanOp) args.op()) {
      case CumSum(int axis, boolean reverse) -> {
        Sums sums = new Sums(x, y, axis, reverse);
        yield lines(args, axis, x.dtype().isFloating() ? sums::floating : sums::integral);
      }
      case ArgSort(int axis, boolean descending) ->
          lines(args, axis, (from, to) -> sort(x, y, axis, descending, from, to));
    };
  }

  private static Runnable lines(KernelArgs args, int axis, Line line) {
    Layout from = Strided.without(args.input(0).layout(), axis);
    Layout to = Strided.without(args.output().layout(), axis);
    return () ->
        Slices.over(
            args.pool(),
            from.shape().elements(),
            LINES_PER_SLICE,
            (first, last) -> {
              Strided w = Strided.over(from.shape(), from, to).seek(first);
              for (long l = first; l < last; l++, w.next()) {
                line.run(w.at(0), w.at(1));
              }
            });
  }

  /** Running sums of a line. */
  private static final class Sums {
    private final Elements in;
    private final Elements out;
    private final long n;
    private final long inStep;
    private final long outStep;
    private final boolean reverse;

    Sums(TensorView x, TensorView y, int axis, boolean reverse) {
      in = Elements.of(x);
      out = Elements.of(y);
      n = x.shape().dim(axis);
      inStep = x.layout().stride(axis);
      outStep = y.layout().stride(axis);
      this.reverse = reverse;
    }

    void floating(long from, long to) {
      double sum = 0;
      for (long k = 0; k < n; k++) {
        long i = reverse ? n - 1 - k : k;
        sum += in.get(from + i * inStep);
        out.set(to + i * outStep, sum);
      }
    }

    void integral(long from, long to) {
      long sum = 0;
      for (long k = 0; k < n; k++) {
        long i = reverse ? n - 1 - k : k;
        sum += in.getLong(from + i * inStep);
        out.setLong(to + i * outStep, sum);
      }
    }
  }

  private static void sort(
      TensorView x, TensorView y, int axis, boolean descending, long from, long to) {
    Elements in = Elements.of(x);
    Elements out = Elements.of(y);
    int n = Math.toIntExact(x.shape().dim(axis));
    long step = x.layout().stride(axis);
    Integer[] order = new Integer[n];
    Arrays.setAll(order, i -> i);
    Comparator<Integer> ascending =
        x.dtype().isFloating()
            ? (a, b) -> compare(in.get(from + a * step), in.get(from + b * step))
            : Comparator.comparingLong(i -> in.getLong(from + i * step));
    Arrays.sort(order, descending ? ascending.reversed() : ascending); // a stable sort
    for (int i = 0; i < n; i++) {
      out.setLong(to + i * y.layout().stride(axis), order[i]);
    }
  }

  /** NaN is largest; zeros of both signs are equal. */
  private static int compare(double a, double b) {
    return a == b ? 0 : Double.compare(a, b);
  }
}

package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ConvOp;
import dev.quern.core.op.ConvOp.Conv;
import dev.quern.core.op.ConvOp.ConvTranspose;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;

/**
 * {@link ConvOp}: one result after another (parallel over them), its channels, then its window.
 *
 * <p>Along each spatial axis a result at n meets input n·stride + k·dilation − padding; transposed,
 * a result at n meets input (n + padding − k·dilation) / stride where that divides.
 */
final class ConvKernels {
  private static final int RESULTS_PER_SLICE = 64;
  private static final long OUTSIDE = Long.MIN_VALUE; // strides may be negative
  private final KernelArgs args;
  private final ConvOp op;
  private final boolean transposed;
  private final TensorView x; // (B, C, S...)
  private final TensorView w; // (O, C / groups, K...), transposed (C, O / groups, K...)
  private final TensorView y; // (B, O, N...)
  private final int spatial;
  private final Shape kernel;
  private final long inGroup;
  private final long outGroup;

  private ConvKernels(KernelArgs args, boolean transposed) {
    this.args = args;
    this.op = (ConvOp) args.op();
    this.transposed = transposed;
    x = args.input(0);
    w = args.input(1);
    y = args.output();
    spatial = op.stride().size();
    kernel = w.shape().slice(2, 2 + spatial);
    inGroup = x.shape().dim(1) / op.groups();
    outGroup = y.shape().dim(1) / op.groups();
  }

  static Runnable bind(KernelArgs args) {
    ConvKernels k =
        switch ((ConvOp) args.op()) {
          case Conv _ -> new ConvKernels(args, false);
          case ConvTranspose _ -> new ConvKernels(args, true);
        };
    return () -> Slices.over(args.pool(), k.y.shape().elements(), RESULTS_PER_SLICE, k::results);
  }

  private void results(long first, long last) {
    Elements inputs = Elements.of(x);
    Elements weights = Elements.of(w);
    Elements out = Elements.of(y);
    Strided result = Strided.over(y.shape(), y.layout()).seek(first);
    Strided window = Strided.over(kernel, Strided.only(w.layout(), axes()));
    for (long r = first; r < last; r++, result.next()) {
      long o = result.index(1);
      double sum = 0;
      if (op.bias()) {
        TensorView bias = args.input(2);
        sum = Elements.of(bias).get(bias.layout().offset() + o * bias.layout().stride(0));
      }
      long batch = x.layout().offset() + result.index(0) * x.layout().stride(0);
      window.seek(0);
      for (long k = 0; k < kernel.elements(); k++, window.next()) {
        long place = place(result, window);
        if (place != OUTSIDE) {
          sum += channels(inputs, weights, o, batch + place, window.at(0));
        }
      }
      out.set(result.at(0), sum);
    }
  }

  private int[] axes() {
    int[] axes = new int[spatial];
    for (int i = 0; i < spatial; i++) {
      axes[i] = 2 + i;
    }
    return axes;
  }

  /** How far the input's element is from its sample's first one, or {@link #OUTSIDE}. */
  private long place(Strided result, Strided window) {
    long place = 0;
    for (int i = 0; i < spatial; i++) {
      long n = result.index(2 + i);
      long k = window.index(i) * op.dilation().get(i);
      long stride = op.stride().get(i);
      long at = transposed ? n + op.padding().get(i) - k : n * stride + k - op.padding().get(i);
      if (transposed) {
        if (at < 0 || at % stride != 0) {
          return OUTSIDE;
        }
        at /= stride;
      }
      if (at < 0 || at >= x.shape().dim(2 + i)) {
        return OUTSIDE;
      }
      place += at * x.layout().stride(2 + i);
    }
    return place;
  }

  /** Σ over the input channels of the result's group. */
  private double channels(Elements inputs, Elements weights, long o, long input, long weight) {
    Layout lx = x.layout();
    Layout lw = w.layout();
    long group = o / outGroup;
    double sum = 0;
    for (long c = 0; c < inGroup; c++) {
      long channel = group * inGroup + c;
      long at =
          transposed
              ? channel * lw.stride(0) + (o % outGroup) * lw.stride(1)
              : o * lw.stride(0) + c * lw.stride(1);
      sum += inputs.get(input + channel * lx.stride(1)) * weights.get(weight + at);
    }
    return sum;
  }
}

package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ScatterOp.Fold;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import java.util.Arrays;

/** {@link Fold}: each line of the result on its own, window by window; parallel over lines. */
final class FoldKernel {
  private static final int LINES_PER_SLICE = 8;

  private FoldKernel() {}

  static Runnable bind(KernelArgs args) {
    Fold op = (Fold) args.op();
    TensorView x = args.input(0);
    TensorView y = args.output();
    int axis = x.shape().axis(op.axis());
    Layout from = Strided.without(Strided.leading(x.layout(), 1), axis);
    Layout to = Strided.without(y.layout(), axis);
    long windows = x.shape().dim(axis);
    long size = x.shape().dim(-1);
    int extent = Math.toIntExact(op.extent());
    boolean floating = x.dtype().isFloating();
    Elements in = Elements.of(x);
    Elements out = Elements.of(y);
    return () ->
        Slices.over(
            args.pool(),
            to.shape().elements(),
            LINES_PER_SLICE,
            (first, last) -> {
              double[] sums = new double[floating ? extent : 0];
              long[] longs = new long[floating ? 0 : extent];
              Strided w = Strided.over(to.shape(), from, to).seek(first);
              for (long l = first; l < last; l++, w.next()) {
                Arrays.fill(sums, 0);
                Arrays.fill(longs, 0);
                for (long i = 0; i < windows; i++) {
                  for (long j = 0; j < size; j++) {
                    long at = w.at(0) + i * x.layout().stride(axis) + j * x.layout().stride(-1);
                    int place = (int) (i * op.step() + j * op.dilation());
                    if (floating) {
                      sums[place] += in.get(at);
                    } else {
                      longs[place] += in.getLong(at);
                    }
                  }
                }
                for (int p = 0; p < extent; p++) {
                  long at = w.at(1) + p * y.layout().stride(axis);
                  if (floating) {
                    out.set(at, sums[p]);
                  } else {
                    out.setLong(at, longs[p]);
                  }
                }
              }
            });
  }
}

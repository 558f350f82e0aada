package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.NormGradOp.LayerNormGrad;
import dev.quern.core.op.NormGradOp.RmsNormGrad;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;

/**
 * {@link NormGradOp}: dx row by row (parallel over rows), then the sums over rows, column by column
 * (parallel over columns).
 */
final class NormGradKernels {
  private static final int ROWS_PER_SLICE = 8;
  private static final int COLUMNS_PER_SLICE = 16;
  private final KernelArgs args;
  private final boolean centred;
  private final TensorView g; // (..., C)
  private final TensorView x; // (..., C)
  private final TensorView weight; // (C)
  private final TensorView mean; // (..., 1); r again if x is not centred
  private final TensorView r; // (..., 1)

  private NormGradKernels(KernelArgs args, boolean centred) {
    this.args = args;
    this.centred = centred;
    g = args.input(0);
    x = args.input(1);
    weight = args.input(2);
    mean = args.input(3);
    r = args.input(centred ? 4 : 3);
  }

  static Runnable bind(KernelArgs args) {
    return switch ((NormGradOp) args.op()) {
      case RmsNormGrad(float _, boolean affine) -> new NormGradKernels(args, false).run(affine);
      case LayerNormGrad(float _, boolean affine) -> new NormGradKernels(args, true).run(affine);
    };
  }

  private Runnable run(boolean affine) {
    return () -> {
      rows();
      if (affine) {
        columns();
      }
    };
  }

  private Strided walk() {
    Layout rows = Strided.leading(x.layout(), 1);
    return Strided.over(
        rows.shape(),
        rows,
        Strided.leading(g.layout(), 1),
        Strided.leading(mean.layout(), 1),
        Strided.leading(r.layout(), 1));
  }

  private long count() {
    return x.shape().slice(0, x.shape().rank() - 1).elements();
  }

  private void rows() {
    int c = Math.toIntExact(x.shape().dim(-1));
    double[] w = new double[c];
    Elements.of(weight).read(weight.layout().offset(), weight.layout().stride(0), w, 0, c);
    TensorView dx = args.output();
    Slices.over(
        args.pool(),
        count(),
        ROWS_PER_SLICE,
        (first, last) -> {
          double[] xs = new double[c];
          double[] gs = new double[c];
          Strided at = walk().seek(first);
          for (long row = first; row < last; row++, at.next()) {
            Elements.of(x).read(at.at(0), x.layout().stride(-1), xs, 0, c);
            Elements.of(g).read(at.at(1), g.layout().stride(-1), gs, 0, c);
            double m = centred ? Elements.of(mean).get(at.at(2)) : 0;
            double s = Elements.of(r).get(at.at(3));
            double sum = 0;
            double dot = 0;
            for (int i = 0; i < c; i++) {
              xs[i] = (xs[i] - m) * s;
              gs[i] *= w[i];
              sum += gs[i];
              dot += gs[i] * xs[i];
            }
            double shift = centred ? sum / c : 0;
            for (int i = 0; i < c; i++) {
              double d = s * (gs[i] - shift - xs[i] * (dot / c));
              Elements.of(dx).set(dx.layout().offset() + row * c + i, d);
            }
          }
        });
  }

  private void columns() {
    TensorView dWeight = args.outputs().get(1);
    TensorView dBias = centred ? args.outputs().get(2) : null;
    long rows = count();
    Slices.over(
        args.pool(),
        x.shape().dim(-1),
        COLUMNS_PER_SLICE,
        (first, last) -> {
          int n = (int) (last - first);
          double[] w = new double[n];
          double[] b = new double[n];
          Strided at = walk();
          for (long row = 0; row < rows; row++, at.next()) {
            double m = centred ? Elements.of(mean).get(at.at(2)) : 0;
            double s = Elements.of(r).get(at.at(3));
            for (int i = 0; i < n; i++) {
              double gi = Elements.of(g).get(at.at(1) + (first + i) * g.layout().stride(-1));
              double xi = Elements.of(x).get(at.at(0) + (first + i) * x.layout().stride(-1));
              w[i] += gi * (xi - m) * s;
              b[i] += gi;
            }
          }
          for (int i = 0; i < n; i++) {
            Elements.of(dWeight).set(dWeight.layout().offset() + first + i, w[i]);
            if (dBias != null) {
              Elements.of(dBias).set(dBias.layout().offset() + first + i, b[i]);
            }
          }
        });
  }
}

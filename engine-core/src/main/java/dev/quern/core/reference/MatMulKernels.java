package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.MatMulOp.Linear;
import dev.quern.core.op.MatMulOp.MatMul;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;
import org.jspecify.annotations.Nullable;

/**
 * {@link MatMulOp}: c[i, j] = Σₖ a[i, k] · b[k, j] (+ bias[j]), summed over k in order, in F64.
 *
 * <p>Loops: blocks of rows of a, widened once; slices of columns of b (parallel); each column is
 * widened or dequantised once per block and multiplied with all its rows. {@code Precision.FAST} is
 * computed as EXACT.
 */
final class MatMulKernels {
  private static final int ROWS = 64;
  private static final int COLUMNS_PER_SLICE = 16;

  private MatMulKernels() {}

  static Runnable bind(KernelArgs args) {
    return switch ((MatMulOp) args.op()) {
      case MatMul _ -> matMul(args);
      case Linear(boolean bias) -> linear(args, bias);
    };
  }

  private static Runnable matMul(KernelArgs args) {
    TensorView a = args.input(0); // (..., M, K)
    TensorView b = args.input(1); // (..., K, N)
    TensorView c = args.output(); // (..., M, N)
    Shape batch = c.shape().slice(0, c.shape().rank() - 2);
    long n = c.shape().dim(-1);
    long m = c.shape().dim(-2);
    Columns columns = new Columns(b, b.layout().stride(-1), b.layout().stride(-2), n);
    long[] rows = new long[Math.toIntExact(m)];
    return () -> {
      Strided w =
          Strided.over(
              batch,
              Strided.leading(a.layout(), 2),
              Strided.leading(b.layout(), 2),
              Strided.leading(c.layout(), 2));
      for (long i = 0; i < batch.elements(); i++, w.next()) {
        for (int r = 0; r < m; r++) {
          rows[r] = w.at(0) + r * a.layout().stride(-2);
        }
        product(args.pool(), a, rows, columns, w.at(1), null, c, w.at(2));
      }
    };
  }

  private static Runnable linear(KernelArgs args, boolean hasBias) {
    TensorView x = args.input(0); // (..., K)
    TensorView w = args.input(1); // (N, K)
    TensorView y = args.output(); // (..., N)
    Layout leading = Strided.leading(x.layout(), 1);
    Columns columns = new Columns(w, w.layout().stride(0), w.layout().stride(1), w.shape().dim(0));
    long[] rows = new long[Math.toIntExact(leading.shape().elements())];
    Strided walk = Strided.over(leading.shape(), leading);
    for (int r = 0; r < rows.length; r++, walk.next()) {
      rows[r] = walk.at(0);
    }
    double[] bias = hasBias ? new double[Math.toIntExact(w.shape().dim(0))] : null;
    return () -> {
      if (bias != null) {
        TensorView b = args.input(2);
        Elements.of(b).read(b.layout().offset(), b.layout().stride(0), bias, 0, bias.length);
      }
      product(args.pool(), x, rows, columns, w.layout().offset(), bias, y, y.layout().offset());
    };
  }

  /** The right operand: column j begins at base + j · step, its elements are inner apart. */
  private record Columns(TensorView view, long step, long inner, long count) {}

  private static void product(
      TaskPool pool,
      TensorView a,
      long[] rows,
      Columns b,
      long bBase,
      double @Nullable [] bias,
      TensorView c,
      long cBase) {
    int k = Math.toIntExact(a.shape().dim(-1));
    long step = a.layout().stride(-1);
    Elements in = Elements.of(a);
    Elements out = Elements.of(c);
    double[] left = new double[Math.min(ROWS, rows.length) * k];
    for (int first = 0; first < rows.length; first += ROWS) {
      int from = first;
      int m = Math.min(ROWS, rows.length - first);
      for (int r = 0; r < m; r++) {
        in.read(rows[from + r], step, left, r * k, k);
      }
      Slices.over(
          pool,
          b.count,
          COLUMNS_PER_SLICE,
          (j0, j1) -> {
            Elements right = Elements.of(b.view);
            double[] column = new double[k];
            for (long j = j0; j < j1; j++) {
              right.read(bBase + j * b.step, b.inner, column, 0, k);
              double start = bias == null ? 0 : bias[(int) j];
              for (int r = 0; r < m; r++) {
                long at = cBase + (from + r) * b.count + j;
                out.set(at, start + dot(left, r * k, column));
              }
            }
          });
    }
  }

  /** Σ a[at + i] · b[i]. */
  static double dot(double[] a, int at, double[] b) {
    double s = 0;
    for (int i = 0; i < b.length; i++) {
      s += a[at + i] * b[i];
    }
    return s;
  }
}

package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.NormOp.LayerNorm;
import dev.quern.core.op.NormOp.LogSoftmax;
import dev.quern.core.op.NormOp.RmsNorm;
import dev.quern.core.op.NormOp.Softmax;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;

/** {@link NormOp}: each line along the axis on its own; parallel over lines. */
final class NormKernels {
  private static final int LINES_PER_SLICE = 8;

  private NormKernels() {}

  /** Computes one line: x in place, and the residuals it leaves at an index. */
  @FunctionalInterface
  private interface Line {
    void run(double[] x, long index);
  }

  static Runnable bind(KernelArgs args) {
    NormOp op = (NormOp) args.op();
    return switch (op) {
      case Softmax(int axis) -> lines(args, axis, (x, _) -> softmax(x));
      case LogSoftmax(int axis) -> lines(args, axis, (x, _) -> logSoftmax(x));
      case RmsNorm(float eps) -> rmsNorm(args, eps);
      case LayerNorm(float eps) -> layerNorm(args, eps);
    };
  }

  private static void softmax(double[] x) {
    double max = max(x);
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      x[i] = StrictMath.exp(x[i] - max);
      sum += x[i];
    }
    for (int i = 0; i < x.length; i++) {
      x[i] /= sum;
    }
  }

  private static void logSoftmax(double[] x) {
    double max = max(x);
    double sum = 0;
    for (double v : x) {
      sum += StrictMath.exp(v - max);
    }
    double log = StrictMath.log(sum);
    for (int i = 0; i < x.length; i++) {
      x[i] = x[i] - max - log;
    }
  }

  static double max(double[] x) {
    double max = Double.NEGATIVE_INFINITY;
    for (double v : x) {
      max = Math.max(max, v);
    }
    return max;
  }

  private static Runnable rmsNorm(KernelArgs args, float eps) {
    return lines(
        args,
        -1,
        (x, index) -> {
          double squares = 0;
          for (double v : x) {
            squares += v * v;
          }
          double r = 1 / Math.sqrt(squares / x.length + eps);
          Elements weight = Elements.of(args.input(1));
          for (int i = 0; i < x.length; i++) {
            x[i] = x[i] * r * weight.get(at(args.input(1), i));
          }
          residual(args, 1, index, r);
        });
  }

  private static Runnable layerNorm(KernelArgs args, float eps) {
    return lines(
        args,
        -1,
        (x, index) -> {
          double mean = 0;
          for (double v : x) {
            mean += v;
          }
          mean /= x.length;
          double squares = 0;
          for (double v : x) {
            squares += (v - mean) * (v - mean);
          }
          double r = 1 / Math.sqrt(squares / x.length + eps);
          Elements weight = Elements.of(args.input(1));
          Elements bias = Elements.of(args.input(2));
          for (int i = 0; i < x.length; i++) {
            x[i] =
                (x[i] - mean) * r * weight.get(at(args.input(1), i))
                    + bias.get(at(args.input(2), i));
          }
          residual(args, 1, index, mean);
          residual(args, 2, index, r);
        });
  }

  private static long at(TensorView vector, int i) {
    return vector.layout().offset() + i * vector.layout().stride(0);
  }

  /** Stores a statistic of line {@code index} if the tape asked for it. */
  private static void residual(KernelArgs args, int output, long index, double value) {
    if (output < args.outputs().size()) {
      TensorView r = args.outputs().get(output);
      Elements.of(r).set(r.layout().offset() + index, value);
    }
  }

  private static Runnable lines(KernelArgs args, int axis, Line line) {
    TensorView x = args.input(0);
    TensorView y = args.output();
    Elements in = Elements.of(x);
    Elements out = Elements.of(y);
    Layout from = Strided.without(x.layout(), axis);
    Layout to = Strided.without(y.layout(), axis);
    int n = Math.toIntExact(x.shape().dim(axis));
    long inStep = x.layout().stride(axis);
    long outStep = y.layout().stride(axis);
    return () ->
        Slices.over(
            args.pool(),
            from.shape().elements(),
            LINES_PER_SLICE,
            (first, last) -> {
              double[] values = new double[n];
              Strided w = Strided.over(from.shape(), from, to).seek(first);
              for (long l = first; l < last; l++, w.next()) {
                in.read(w.at(0), inStep, values, 0, n);
                line.run(values, l);
                for (int i = 0; i < n; i++) {
                  out.set(w.at(1) + i * outStep, values[i]);
                }
              }
            });
  }
}

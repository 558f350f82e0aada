package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Rope;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;

/** {@link Rope}: angles in F64 from the integer position and the given frequencies. */
final class RopeKernel {
  private static final int TOKENS_PER_SLICE = 4;

  private RopeKernel() {}

  static Runnable bind(KernelArgs args) {
    boolean interleaved = ((Rope) args.op()).interleaved();
    TensorView x = args.input(0); // (..., T, H, D)
    TensorView positions = args.input(1); // (..., T)
    TensorView frequencies = args.input(2); // (R / 2)
    TensorView y = args.output();
    Elements in = Elements.of(x);
    Elements position = Elements.of(positions);
    Elements frequency = Elements.of(frequencies);
    Elements out = Elements.of(y);
    Layout from = Strided.leading(x.layout(), 2);
    Layout to = Strided.leading(y.layout(), 2);
    Shape tokens = from.shape();
    int half = Math.toIntExact(frequencies.shape().dim(0));
    long heads = x.shape().dim(-2);
    int d = Math.toIntExact(x.shape().dim(-1));
    return () ->
        Slices.over(
            args.pool(),
            tokens.elements(),
            TOKENS_PER_SLICE,
            (first, last) -> {
              double[] cos = new double[half];
              double[] sin = new double[half];
              double[] head = new double[d];
              Strided w = Strided.over(tokens, from, positions.layout(), to).seek(first);
              for (long t = first; t < last; t++, w.next()) {
                long p = position.getLong(w.at(1));
                for (int j = 0; j < half; j++) {
                  double angle =
                      p
                          * frequency.get(
                              frequencies.layout().offset() + j * frequencies.layout().stride(0));
                  cos[j] = StrictMath.cos(angle);
                  sin[j] = StrictMath.sin(angle);
                }
                for (long h = 0; h < heads; h++) {
                  long source = w.at(0) + h * x.layout().stride(-2);
                  in.read(source, x.layout().stride(-1), head, 0, d);
                  rotate(head, cos, sin, interleaved);
                  for (int i = 0; i < d; i++) {
                    out.set(w.at(2) + h * d + i, head[i]);
                  }
                }
              }
            });
  }

  private static void rotate(double[] head, double[] cos, double[] sin, boolean interleaved) {
    int half = cos.length;
    for (int j = 0; j < half; j++) {
      int a = interleaved ? 2 * j : j;
      int b = interleaved ? 2 * j + 1 : j + half;
      double u = head[a];
      double v = head[b];
      head[a] = u * cos[j] - v * sin[j];
      head[b] = u * sin[j] + v * cos[j];
    }
  }
}

package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionGradOp.AttentionGrad;
import dev.quern.core.spi.KernelArgs;
import java.util.Arrays;

/**
 * {@link AttentionGrad}: one row of scores at a time, from the saved log-sum-exp.
 *
 * <p>Loops: sequence × key head (parallel; keys and values widened once, their gradients summed in
 * F64), its query heads, queries, keys.
 */
final class AttentionGradKernel {
  private final AttentionCall call;
  private final TensorView g; // (B, TQ, H, DV)
  private final TensorView y; // (B, TQ, H, DV)
  private final TensorView lse; // (B, H, TQ)
  private final TensorView dq; // (B, TQ, H, D)
  private final TensorView dk; // (B, TK, HKV, D)
  private final TensorView dv; // (B, TK, HKV, DV)

  private AttentionGradKernel(KernelArgs args) {
    call = new AttentionCall(((AttentionGrad) args.op()).attention(), args);
    int at = AttentionGrad.gradientIndex(args.inputs().size());
    g = args.input(at);
    y = args.input(at + 1);
    lse = args.input(at + 2);
    dq = args.output();
    dk = args.outputs().get(1);
    dv = args.outputs().get(2);
  }

  static Runnable bind(KernelArgs args) {
    AttentionGradKernel kernel = new AttentionGradKernel(args);
    long heads = kernel.call.k.shape().dim(2);
    return () ->
        Slices.over(
            args.pool(),
            kernel.call.q.shape().dim(0) * heads,
            1,
            (i, _) -> kernel.keyHead(i / heads, i % heads));
  }

  private void keyHead(long b, long kvHead) {
    TensorView q = call.q;
    long tq = q.shape().dim(1);
    long tk = call.k.shape().dim(1);
    long group = q.shape().dim(2) / call.k.shape().dim(2);
    long length = call.length(b);
    long start = call.start(b, length);
    double[][] keys = call.rows(call.k, b, kvHead, length);
    double[][] values = call.rows(call.v, b, kvHead, length);
    int d = Math.toIntExact(q.shape().dim(3));
    int dvSize = Math.toIntExact(call.v.shape().dim(3));
    double[][] dKeys = new double[Math.toIntExact(tk)][d];
    double[][] dValues = new double[Math.toIntExact(tk)][dvSize];
    double[] query = new double[d];
    double[] dQuery = new double[d];
    double[] up = new double[dvSize];
    double[] result = new double[dvSize];
    for (long h = kvHead * group; h < (kvHead + 1) * group; h++) {
      for (long i = 0; i < tq; i++) {
        AttentionCall.read(q, Elements.of(q), b, i, h, query);
        AttentionCall.read(g, Elements.of(g), b, i, h, up);
        AttentionCall.read(y, Elements.of(y), b, i, h, result);
        double mean = MatMulKernels.dot(up, 0, result);
        double log = logSumExp(b, h, i);
        Arrays.fill(dQuery, 0);
        long end = call.endKey(start + i, length);
        for (long j = call.firstKey(start + i); j < end; j++) {
          double[] key = keys[(int) j];
          double score = call.score(query, key);
          double masked = call.masked(score, b, h, i, j);
          if (masked == Double.NEGATIVE_INFINITY) {
            continue;
          }
          double p = StrictMath.exp(masked - log);
          double ds = p * (MatMulKernels.dot(up, 0, values[(int) j]) - mean);
          ds *= call.op.scale() * slope(score);
          add(dValues[(int) j], p, up);
          add(dKeys[(int) j], ds, query);
          add(dQuery, ds, key);
        }
        write(dq, b, i, h, dQuery);
      }
    }
    for (int t = 0; t < tk; t++) {
      write(dk, b, t, kvHead, dKeys[t]);
      write(dv, b, t, kvHead, dValues[t]);
    }
  }

  private double logSumExp(long b, long h, long i) {
    long at =
        lse.layout().offset()
            + b * lse.layout().stride(0)
            + h * lse.layout().stride(1)
            + i * lse.layout().stride(2);
    return Elements.of(lse).get(at);
  }

  /** d softcap(s) / ds from its result: 1 − (c·tanh(s / c) / c)². */
  private double slope(double score) {
    double t = call.op.softCap() == 0 ? 0 : score / call.op.softCap();
    return 1 - t * t;
  }

  private static void add(double[] to, double factor, double[] x) {
    for (int c = 0; c < to.length; c++) {
      to[c] += factor * x[c];
    }
  }

  private static void write(TensorView to, long b, long t, long h, double[] values) {
    Elements out = Elements.of(to);
    long at = AttentionCall.at(to, b, t, h);
    for (int c = 0; c < values.length; c++) {
      out.set(at + c, values[c]);
    }
  }
}

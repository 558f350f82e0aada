package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.spi.KernelArgs;
import java.util.Arrays;

/**
 * {@link Attention}: one pass over the keys per query, with a running maximum m, a running sum l of
 * e^(score − m) and a running weighted sum of values, all rescaled when m grows.
 *
 * <p>Loops: sequence × key head (parallel; keys and values widened once), its query heads, queries,
 * keys.
 */
final class AttentionKernel {
  private final KernelArgs args;
  private final AttentionCall call;
  private final TensorView y; // (B, TQ, H, DV)

  private AttentionKernel(KernelArgs args) {
    this.args = args;
    this.call = new AttentionCall((Attention) args.op(), args);
    this.y = args.output();
  }

  static Runnable bind(KernelArgs args) {
    AttentionKernel kernel = new AttentionKernel(args);
    return () -> {
      kernel.call.check();
      long heads = kernel.call.k.shape().dim(2);
      Slices.over(
          args.pool(),
          kernel.call.q.shape().dim(0) * heads,
          1,
          (i, _) -> kernel.keyHead(i / heads, i % heads));
    };
  }

  private void keyHead(long b, long kvHead) {
    TensorView q = call.q;
    long tq = q.shape().dim(1);
    long group = q.shape().dim(2) / call.k.shape().dim(2);
    long length = call.length(b);
    long start = call.start(b, length);
    double[][] keys = call.rows(call.k, b, kvHead, length);
    double[][] values = call.rows(call.v, b, kvHead, length);
    double[] query = new double[Math.toIntExact(q.shape().dim(3))];
    Row row = new Row(Math.toIntExact(call.v.shape().dim(3)));
    Elements in = Elements.of(q);
    for (long h = kvHead * group; h < (kvHead + 1) * group; h++) {
      for (long i = 0; i < tq; i++) {
        AttentionCall.read(q, in, b, i, h, query);
        long end = call.endKey(start + i, length);
        row.clear();
        for (long j = call.firstKey(start + i); j < end; j++) {
          double s = call.score(query, keys[(int) j]);
          row.add(call.masked(s, b, h, i, j), values[(int) j]);
        }
        write(row, b, i, h);
      }
    }
  }

  private void write(Row row, long b, long i, long h) {
    Elements out = Elements.of(y);
    long to = AttentionCall.at(y, b, i, h);
    for (int c = 0; c < row.sum.length; c++) {
      out.set(to + c, row.total == 0 ? 0 : row.sum[c] / row.total);
    }
    if (args.outputs().size() > 1) {
      TensorView lse = args.outputs().get(1); // (B, H, TQ)
      long tq = call.q.shape().dim(1);
      Elements.of(lse)
          .set(
              lse.layout().offset() + (b * call.q.shape().dim(2) + h) * tq + i,
              row.max + StrictMath.log(row.total));
    }
  }

  /** The state of one query. */
  private static final class Row {
    final double[] sum;
    double max;
    double total;

    Row(int d) {
      sum = new double[d];
    }

    void clear() {
      Arrays.fill(sum, 0);
      max = Double.NEGATIVE_INFINITY;
      total = 0;
    }

    void add(double s, double[] value) {
      if (s == Double.NEGATIVE_INFINITY) {
        return;
      }
      double larger = Math.max(max, s);
      double shrink = StrictMath.exp(max - larger);
      double p = StrictMath.exp(s - larger);
      total = total * shrink + p;
      for (int c = 0; c < sum.length; c++) {
        sum[c] = sum[c] * shrink + p * value[c];
      }
      max = larger;
    }
  }
}

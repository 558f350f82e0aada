package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * {@link Attention}: one pass over the keys per query, with a running maximum m, a running sum l of
 * e^(score − m) and a running weighted sum of values, all rescaled when m grows.
 *
 * <p>Loops: sequence × key head (parallel; keys and values widened once), its query heads, queries,
 * keys.
 */
final class AttentionKernel {
  private final Attention op;
  private final KernelArgs args;
  private final TensorView q; // (B, TQ, H, D)
  private final TensorView k; // (B, TK, HKV, D)
  private final TensorView v; // (B, TK, HKV, DV)
  private final TensorView y; // (B, TQ, H, DV)
  private final @Nullable Layout mask; // (B, H, TQ, TK), broadcast
  private final @Nullable Elements maskValues;
  private final boolean additive;

  private AttentionKernel(KernelArgs args) {
    this.op = (Attention) args.op();
    this.args = args;
    q = args.input(0);
    k = args.input(1);
    v = args.input(2);
    y = args.output();
    Shape s = q.shape();
    TensorView m = op.hasMask() ? args.input(op.maskIndex()) : null;
    mask =
        m == null
            ? null
            : m.layout().expand(Shape.of(s.dim(0), s.dim(2), s.dim(1), k.shape().dim(1)));
    maskValues = m == null ? null : Elements.of(m);
    additive = m != null && m.dtype() != ScalarType.BOOL;
  }

  static Runnable bind(KernelArgs args) {
    AttentionKernel kernel = new AttentionKernel(args);
    return () -> {
      long heads = kernel.k.shape().dim(2);
      Slices.over(
          args.pool(),
          kernel.q.shape().dim(0) * heads,
          1,
          (i, _) -> kernel.keyHead(i / heads, i % heads));
    };
  }

  private void keyHead(long b, long kvHead) {
    long tq = q.shape().dim(1);
    long tk = k.shape().dim(1);
    long group = q.shape().dim(2) / k.shape().dim(2);
    long length = op.hasLengths() ? perSequence(op.lengthsIndex(), b) : tk;
    if (length < 0 || length > tk) {
      throw new IndexException(
          "[attention] lengths["
              + b
              + "] is "
              + length
              + ", outside 0.."
              + tk
              + "; a sequence can't be longer than its keys");
    }
    long start = op.hasStarts() ? perSequence(op.startsIndex(), b) : length - tq;
    double[][] keys = rows(k, b, kvHead, length);
    double[][] values = rows(v, b, kvHead, length);
    double[] query = new double[Math.toIntExact(q.shape().dim(3))];
    Row row = new Row(Math.toIntExact(v.shape().dim(3)));
    Elements in = Elements.of(q);
    for (long h = kvHead * group; h < (kvHead + 1) * group; h++) {
      for (long i = 0; i < tq; i++) {
        in.read(at(q, b, i, h), q.layout().stride(3), query, 0, query.length);
        long p = start + i;
        long first = op.window() > 0 ? Math.max(0, p - op.window() + 1) : 0;
        long last = op.causal() ? Math.min(length, p + 1) : length;
        row.clear();
        for (long j = first; j < last; j++) {
          double s = op.scale() * MatMulKernels.dot(query, 0, keys[(int) j]);
          s = op.softCap() == 0 ? s : op.softCap() * StrictMath.tanh(s / op.softCap());
          row.add(masked(s, b, h, i, j), values[(int) j]);
        }
        write(row, b, i, h);
      }
    }
  }

  private long perSequence(int input, long b) {
    TensorView x = args.input(input);
    return Elements.of(x).getLong(x.layout().offset() + b * x.layout().stride(0));
  }

  private static long at(TensorView x, long b, long t, long h) {
    Layout l = x.layout();
    return l.offset() + b * l.stride(0) + t * l.stride(1) + h * l.stride(2);
  }

  private static double[][] rows(TensorView x, long b, long h, long length) {
    Elements in = Elements.of(x);
    double[][] rows = new double[Math.toIntExact(length)][Math.toIntExact(x.shape().dim(3))];
    for (int t = 0; t < length; t++) {
      in.read(at(x, b, t, h), x.layout().stride(3), rows[t], 0, rows[t].length);
    }
    return rows;
  }

  private double masked(double s, long b, long h, long i, long j) {
    if (mask == null || maskValues == null) {
      return s;
    }
    long at =
        mask.offset()
            + b * mask.stride(0)
            + h * mask.stride(1)
            + i * mask.stride(2)
            + j * mask.stride(3);
    if (additive) {
      return s + maskValues.get(at);
    }
    return maskValues.getLong(at) != 0 ? s : Double.NEGATIVE_INFINITY;
  }

  private void write(Row row, long b, long i, long h) {
    Elements out = Elements.of(y);
    long to = at(y, b, i, h);
    for (int c = 0; c < row.sum.length; c++) {
      out.set(to + c, row.total == 0 ? 0 : row.sum[c] / row.total);
    }
    if (args.outputs().size() > 1) {
      TensorView lse = args.outputs().get(1); // (B, H, TQ)
      long tq = q.shape().dim(1);
      Elements.of(lse)
          .set(
              lse.layout().offset() + (b * q.shape().dim(2) + h) * tq + i,
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

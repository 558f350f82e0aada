package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.SamplingOp.Sample;
import dev.quern.core.spi.KernelArgs;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** {@link Sample}: the definition, every likely token sorted; parallel over rows. */
final class SampleKernel {
  private final Sample op;
  private final TensorView logits;
  private final TensorView uniform;
  private final TensorView out;

  private SampleKernel(KernelArgs args) {
    op = (Sample) args.op();
    logits = args.input(0);
    uniform = args.input(1);
    out = args.output();
  }

  static Runnable bind(KernelArgs args) {
    SampleKernel k = new SampleKernel(args);
    return () -> Slices.over(args.pool(), k.logits.shape().dim(0), 1, k::rows);
  }

  private void rows(long from, long to) {
    Elements x = Elements.of(logits);
    Elements u = Elements.of(uniform);
    Elements y = Elements.of(out);
    double[] row = new double[Math.toIntExact(logits.shape().dim(1))];
    for (long r = from; r < to; r++) {
      x.read(at(logits, r), logits.layout().stride(1), row, 0, row.length);
      for (int i = 0; i < row.length; i++) {
        row[i] = Double.isNaN(row[i]) ? Double.NEGATIVE_INFINITY : row[i];
      }
      y.setLong(at(out, r), op.isGreedy() ? best(row) : draw(row, u.get(at(uniform, r))));
    }
  }

  private static long at(TensorView x, long row) {
    return x.layout().offset() + row * x.layout().stride(0);
  }

  private static int best(double[] x) {
    int best = 0;
    for (int i = 1; i < x.length; i++) {
      best = x[i] > x[best] ? i : best;
    }
    return best;
  }

  private int draw(double[] x, double u) {
    double top = x[best(x)] / op.temperature();
    double[] weights = Arrays.stream(x).map(v -> weight(v / op.temperature(), top)).toArray();
    int[] order = IntStream.range(0, x.length).filter(i -> weights[i] > 0).toArray();
    int kept = order.length;
    if (op.isRanked()) {
      Comparator<Integer> largest = (a, b) -> x[a] == x[b] ? 0 : Double.compare(x[b], x[a]);
      order = Arrays.stream(order).boxed().sorted(largest).mapToInt(i -> i).toArray(); // stable
      kept = keep(Arrays.stream(order).mapToDouble(i -> weights[i]).toArray());
    }
    double total = 0;
    for (int i = 0; i < kept; i++) {
      total += weights[order[i]];
    }
    int at = 0;
    for (double sum = weights[order[0]]; at + 1 < kept && sum <= u * total; ) {
      sum += weights[order[++at]];
    }
    return order[at];
  }

  private static double weight(double score, double top) {
    return score == top ? 1 : score - top > Sample.LEAST ? StrictMath.exp(score - top) : 0;
  }

  /** How many of the weights, the largest first, the cuts leave. */
  private int keep(double[] weights) {
    int kept = op.topK() == 0 ? weights.length : Math.min(op.topK(), weights.length);
    double limit = 0;
    for (int i = 0; i < kept; i++) {
      limit += weights[i];
    }
    limit *= op.topP();
    double sum = weights[0];
    for (int i = 1; i < kept; i++) {
      if ((op.topP() < 1 && sum >= limit) || weights[i] < op.minP()) {
        return i;
      }
      sum += weights[i];
    }
    return kept;
  }
}

package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.SamplingOp.Sample;
import dev.quern.core.spi.KernelArgs;
import java.util.Arrays;

/**
 * {@link Sample}: the definition, every likely token sorted; parallel over rows. A token's weight
 * depends on its logit alone, so logits are sorted without their ids, and only the one that was
 * drawn is looked up.
 */
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
    int[] ids = new int[x.length];
    double[] likely = new double[x.length];
    int count = 0;
    for (int i = 0; i < x.length; i++) {
      if (isLikely(x[i] / op.temperature(), top)) {
        ids[count] = i;
        likely[count++] = x[i];
      }
    }
    if (!op.isRanked()) {
      return ids[place(weights(likely, count, top), count, u)];
    }
    sortDescending(likely, count);
    double[] weights = weights(likely, op.topK() == 0 ? count : Math.min(op.topK(), count), top);
    return ranked(x, likely, place(weights, keep(weights), u));
  }

  private static boolean isLikely(double score, double top) {
    return score == top || score - top > Sample.LEAST;
  }

  /** Of the first likely ones: what has another weight isn't among them. */
  private double[] weights(double[] likely, int count, double top) {
    double[] weights = new double[count];
    for (int i = 0; i < count; i++) {
      double score = likely[i] / op.temperature();
      weights[i] = score == top ? 1 : StrictMath.exp(score - top);
    }
    return weights;
  }

  private static void sortDescending(double[] x, int count) {
    Arrays.sort(x, 0, count);
    for (int i = 0, j = count - 1; i < j; i++, j--) {
      double t = x[i];
      x[i] = x[j];
      x[j] = t;
    }
  }

  /** The place at u times the weight of the first so many. */
  private static int place(double[] weights, int kept, double u) {
    double total = 0;
    for (int i = 0; i < kept; i++) {
      total += weights[i];
    }
    int at = 0;
    for (double sum = weights[0]; at + 1 < kept && sum <= u * total; ) {
      sum += weights[++at];
    }
    return at;
  }

  /** The id of a rank: equal ones come by id, so those of its value before it are counted off. */
  private static int ranked(double[] x, double[] sorted, int rank) {
    int before = 0;
    while (before < rank && sorted[rank - before - 1] == sorted[rank]) {
      before++;
    }
    int id = -1;
    for (int left = before; left >= 0; left--) {
      do {
        id++;
      } while (x[id] != sorted[rank]);
    }
    return id;
  }

  /** How many of the weights of the first k, the largest first, the other cuts leave. */
  private int keep(double[] weights) {
    double limit = 0;
    for (double w : weights) {
      limit += w;
    }
    limit *= op.topP();
    double sum = weights[0];
    for (int i = 1; i < weights.length; i++) {
      if ((op.topP() < 1 && sum >= limit) || weights[i] < op.minP()) {
        return i;
      }
      sum += weights[i];
    }
    return weights.length;
  }
}

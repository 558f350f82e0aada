package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.op.ReduceOp.ArgMax;
import dev.quern.core.op.ReduceOp.LogSumExp;
import dev.quern.core.op.ReduceOp.Max;
import dev.quern.core.op.ReduceOp.Mean;
import dev.quern.core.op.ReduceOp.Min;
import dev.quern.core.op.ReduceOp.Prod;
import dev.quern.core.op.ReduceOp.Sum;
import dev.quern.core.op.ReduceOp.Var;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;
import java.util.stream.IntStream;

/**
 * {@link ReduceOp}: for each index of the kept axes, one pass over the reduced ones, in order;
 * parallel over the results.
 */
final class ReduceKernels {
  private static final int RESULTS_PER_SLICE = 16;

  private ReduceKernels() {}

  static Runnable bind(KernelArgs args) {
    ReduceOp op = (ReduceOp) args.op();
    TensorView x = args.input(0);
    TensorView y = args.output();
    Shape shape = x.shape();
    int[] reduced = op.axes().stream().mapToInt(shape::axis).sorted().toArray();
    int[] kept =
        IntStream.range(0, shape.rank())
            .filter(a -> IntStream.of(reduced).noneMatch(r -> r == a))
            .toArray();
    Layout outer = Strided.only(x.layout(), kept);
    Layout all = Strided.only(x.layout(), reduced);
    Layout inner = Layout.of(all.shape(), all.strides(), 0);
    Elements in = Elements.of(x);
    Elements out = Elements.of(y);
    boolean floating = x.dtype().isFloating();
    return () ->
        Slices.over(
            args.pool(),
            outer.shape().elements(),
            RESULTS_PER_SLICE,
            (from, to) -> {
              Strided w = Strided.over(outer.shape(), outer).seek(from);
              Run run = new Run(in, Strided.over(inner.shape(), inner), inner.shape().elements());
              for (long i = from; i < to; i++, w.next()) {
                long at = y.layout().offset() + i;
                if (op instanceof ArgMax) {
                  out.setLong(at, floating ? run.argMax(w.at(0)) : run.argMaxLong(w.at(0)));
                } else if (floating) {
                  out.set(at, run.reduce(op, w.at(0)));
                } else {
                  out.setLong(at, run.reduceLong(op, w.at(0)));
                }
              }
            });
  }

  /** The elements that become one result. */
  private record Run(Elements x, Strided walk, long count) {
    double reduce(ReduceOp op, long base) {
      return switch (op) {
        case Sum _ -> sum(base);
        case Prod _ -> {
          double p = 1;
          walk.seek(0);
          for (long i = 0; i < count; i++, walk.next()) {
            p *= x.get(base + walk.at(0));
          }
          yield p;
        }
        case Mean _ -> sum(base) / count;
        case Max _ -> max(base);
        case Min _ -> {
          double m = Double.POSITIVE_INFINITY;
          walk.seek(0);
          for (long i = 0; i < count; i++, walk.next()) {
            m = Math.min(m, x.get(base + walk.at(0)));
          }
          yield m;
        }
        case Var(var _, boolean _, int correction) -> {
          double mean = sum(base) / count;
          double s = 0;
          walk.seek(0);
          for (long i = 0; i < count; i++, walk.next()) {
            double d = x.get(base + walk.at(0)) - mean;
            s += d * d;
          }
          yield s / Math.max(0, count - correction);
        }
        case LogSumExp _ -> {
          double m = max(base);
          if (Double.isInfinite(m)) {
            yield m;
          }
          double s = 0;
          walk.seek(0);
          for (long i = 0; i < count; i++, walk.next()) {
            s += StrictMath.exp(x.get(base + walk.at(0)) - m);
          }
          yield m + StrictMath.log(s);
        }
        case ArgMax _ -> throw new IllegalArgumentException("argMax gives an index");
      };
    }

    long reduceLong(ReduceOp op, long base) {
      long r =
          switch (op) {
            case Sum _ -> 0;
            case Prod _ -> 1;
            case Max _ -> Long.MIN_VALUE;
            case Min _ -> Long.MAX_VALUE;
            default -> throw new IllegalArgumentException(op.name() + " takes floating point");
          };
      walk.seek(0);
      for (long i = 0; i < count; i++, walk.next()) {
        long v = x.getLong(base + walk.at(0));
        r =
            switch (op) {
              case Prod _ -> r * v;
              case Max _ -> Math.max(r, v);
              case Min _ -> Math.min(r, v);
              default -> r + v;
            };
      }
      return r;
    }

    private double sum(long base) {
      double s = 0;
      walk.seek(0);
      for (long i = 0; i < count; i++, walk.next()) {
        s += x.get(base + walk.at(0));
      }
      return s;
    }

    private double max(long base) {
      double m = Double.NEGATIVE_INFINITY;
      walk.seek(0);
      for (long i = 0; i < count; i++, walk.next()) {
        m = Math.max(m, x.get(base + walk.at(0)));
      }
      return m;
    }

    long argMax(long base) {
      long best = 0;
      double largest = Double.NEGATIVE_INFINITY;
      walk.seek(0);
      for (long i = 0; i < count; i++, walk.next()) {
        double v = x.get(base + walk.at(0));
        if (Double.isNaN(v)) {
          return i;
        }
        if (v > largest) {
          largest = v;
          best = i;
        }
      }
      return best;
    }

    long argMaxLong(long base) {
      long best = 0;
      long largest = Long.MIN_VALUE;
      walk.seek(0);
      for (long i = 0; i < count; i++, walk.next()) {
        long v = x.getLong(base + walk.at(0));
        if (v > largest) {
          largest = v;
          best = i;
        }
      }
      return best;
    }
  }
}

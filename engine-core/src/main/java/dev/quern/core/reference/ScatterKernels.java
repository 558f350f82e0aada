package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.op.ScatterOp.IndexAdd;
import dev.quern.core.op.ScatterOp.ScatterAdd;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;

/**
 * {@link ScatterOp}: indices are sorted by the place they address; then each place is summed on its
 * own, in the order of the indices, in F64 or long (parallel over places).
 */
final class ScatterKernels {
  private static final int PLACES_PER_SLICE = 16;

  private ScatterKernels() {}

  static Runnable bind(KernelArgs args) {
    return switch ((ScatterOp) args.op()) {
      case IndexAdd(int axis) -> () -> indexAdd(args, axis);
      case ScatterAdd(int axis) -> () -> scatterAdd(args, axis);
      case ScatterOp.Fold _ -> FoldKernel.bind(args);
    };
  }

  /** Which entries address each place: those of place p are order[first[p]..first[p + 1]). */
  private static final class Sorted {
    final int[] first;
    final int[] order;

    private Sorted(int[] first, int[] order) {
      this.first = first;
      this.order = order;
    }

    static Sorted of(int[] places, int count) {
      int[] first = new int[count + 1];
      for (int p : places) {
        first[p + 1]++;
      }
      for (int p = 0; p < count; p++) {
        first[p + 1] += first[p];
      }
      int[] next = first.clone();
      int[] order = new int[places.length];
      for (int i = 0; i < places.length; i++) {
        order[next[places[i]]++] = i;
      }
      return new Sorted(first, order);
    }
  }

  private static void indexAdd(KernelArgs args, int axis) {
    TensorView x = args.input(0);
    TensorView ids = args.input(1);
    TensorView source = args.input(2);
    TensorView y = args.output();
    int a = x.shape().axis(axis);
    int rank = ids.shape().rank();
    long extent = x.shape().dim(a);
    int[] places = new int[Math.toIntExact(ids.shape().elements())];
    Strided w = Strided.over(ids.shape(), ids.layout());
    for (int i = 0; i < places.length; i++, w.next()) {
      long index = Elements.of(ids).getLong(w.at(0));
      places[i] =
          Math.toIntExact(Indices.check("indexAdd", "indices", w, rank, index, extent, true));
    }
    Sorted sorted = Sorted.of(places, Math.toIntExact(extent));
    // the axes of the source: those before the axis, those of the indices, those after it
    int[] rest = new int[x.shape().rank() - 1];
    for (int i = 0; i < rest.length; i++) {
      rest[i] = i < a ? i : i + rank;
    }
    int[] indexed = new int[rank];
    for (int i = 0; i < rank; i++) {
      indexed[i] = a + i;
    }
    Layout slice = Strided.only(source.layout(), rest);
    Layout starts = Strided.only(source.layout(), indexed);
    long[] start = new long[places.length];
    Strided s = Strided.over(starts.shape(), starts);
    for (int i = 0; i < start.length; i++, s.next()) {
      start[i] = s.at(0) - source.layout().offset();
    }
    Layout from = Strided.without(x.layout(), a);
    Layout to = Strided.without(y.layout(), a);
    Slices.over(
        args.pool(),
        extent,
        PLACES_PER_SLICE,
        (first, last) -> {
          Sum sum = new Sum(x, source, y);
          for (long p = first; p < last; p++) {
            Strided each = Strided.over(from.shape(), from, to, slice);
            for (long j = 0; j < from.shape().elements(); j++, each.next()) {
              sum.begin(each.at(0) + p * x.layout().stride(a));
              for (int i = sorted.first[(int) p]; i < sorted.first[(int) p + 1]; i++) {
                sum.add(each.at(2) + start[sorted.order[i]]);
              }
              sum.end(each.at(1) + p * y.layout().stride(a));
            }
          }
        });
  }

  private static void scatterAdd(KernelArgs args, int axis) {
    TensorView x = args.input(0);
    TensorView ids = args.input(1);
    TensorView source = args.input(2);
    TensorView y = args.output();
    int a = x.shape().axis(axis);
    Shape shape = ids.shape();
    long extent = x.shape().dim(a);
    int n = Math.toIntExact(shape.dim(a));
    Shape lines = shape.remove(a);
    checkAll(args, a);
    Units.copyAll("scatterAdd", x, y);
    // y's lines beyond those of the indices keep what they have
    Layout to = cut(Strided.without(y.layout(), a), lines);
    Layout from = cut(Strided.without(x.layout(), a), lines);
    Layout index = Strided.without(ids.layout(), a);
    Layout value = Strided.without(source.layout(), a);
    Slices.over(
        args.pool(),
        lines.elements(),
        PLACES_PER_SLICE,
        (first, last) -> {
          Elements at = Elements.of(ids);
          Sum sum = new Sum(x, source, y);
          int[] places = new int[n];
          Strided w = Strided.over(lines, index, value, to, from).seek(first);
          for (long l = first; l < last; l++, w.next()) {
            for (int i = 0; i < n; i++) {
              long p = at.getLong(w.at(0) + i * ids.layout().stride(a));
              places[i] = (int) (p < 0 ? p + extent : p);
            }
            Sorted sorted = Sorted.of(places, Math.toIntExact(extent));
            for (int p = 0; p < extent; p++) {
              if (sorted.first[p] == sorted.first[p + 1]) {
                continue;
              }
              sum.begin(w.at(3) + p * x.layout().stride(a));
              for (int i = sorted.first[p]; i < sorted.first[p + 1]; i++) {
                sum.add(w.at(1) + sorted.order[i] * source.layout().stride(a));
              }
              sum.end(w.at(2) + p * y.layout().stride(a));
            }
          }
        });
  }

  private static void checkAll(KernelArgs args, int axis) {
    TensorView ids = args.input(1);
    Elements at = Elements.of(ids);
    long extent = args.input(0).shape().dim(axis);
    Strided w = Strided.over(ids.shape(), ids.layout());
    for (long i = 0; i < ids.shape().elements(); i++, w.next()) {
      int rank = ids.shape().rank();
      Indices.check("scatterAdd", "indices", w, rank, at.getLong(w.at(0)), extent, true);
    }
  }

  /** The beginning of each axis. */
  private static Layout cut(Layout layout, Shape shape) {
    Layout l = layout;
    for (int a = 0; a < shape.rank(); a++) {
      l = l.slice(a, 0, shape.dim(a), 1);
    }
    return l;
  }

  /** One place's sum, wide until its end. */
  private static final class Sum {
    private final Elements x;
    private final Elements source;
    private final Elements y;
    private final boolean floating;
    private double sum;
    private long sumLong;

    Sum(TensorView x, TensorView source, TensorView y) {
      this.x = Elements.of(x);
      this.source = Elements.of(source);
      this.y = Elements.of(y);
      this.floating = y.dtype().isFloating();
    }

    void begin(long at) {
      if (floating) {
        sum = x.get(at);
      } else {
        sumLong = x.getLong(at);
      }
    }

    void add(long at) {
      if (floating) {
        sum += source.get(at);
      } else {
        sumLong += source.getLong(at);
      }
    }

    void end(long at) {
      if (floating) {
        y.set(at, sum);
      } else {
        y.setLong(at, sumLong);
      }
    }
  }
}

package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.DataOp.Cast;
import dev.quern.core.op.DataOp.Concat;
import dev.quern.core.op.DataOp.Contiguous;
import dev.quern.core.op.DataOp.Embedding;
import dev.quern.core.op.DataOp.Gather;
import dev.quern.core.op.DataOp.IndexSelect;
import dev.quern.core.op.DataOp.Where;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;

/** {@link DataOp}: elements moved, bit for bit where the dtype stays. */
final class DataKernels {
  private DataKernels() {}

  static Runnable bind(KernelArgs args) {
    return switch ((DataOp) args.op()) {
      case Cast _ -> CastKernel.bind(args);
      case Contiguous _ -> () -> Units.copyAll(args.op().name(), args.input(0), args.output());
      case Concat(int axis) -> () -> concat(args, axis);
      case IndexSelect(int axis) -> () -> indexSelect(args, axis);
      case Gather(int axis) -> () -> gather(args, axis);
      case Where _ -> () -> where(args);
      case Embedding _ -> () -> embedding(args);
    };
  }

  private static void concat(KernelArgs args, int axis) {
    TensorView y = args.output();
    long at = 0;
    for (TensorView x : args.inputs()) {
      Layout part = y.layout().slice(axis, at, x.shape().dim(axis), 1);
      Units.copyAll("concat", x, new TensorView(y.dtype(), part, y.segment()));
      at += x.shape().dim(axis);
    }
  }

  /** y[i..., j..., k...] = x[i..., indices[j...], k...], one index after another. */
  private static void indexSelect(KernelArgs args, int axis) {
    TensorView from = args.input(0);
    TensorView to = args.output();
    Layout x = Units.layout("indexSelect", from.dtype(), from.layout());
    Layout y = Units.layout("indexSelect", to.dtype(), to.layout());
    Layout ids = args.input(1).layout();
    int a = x.shape().axis(axis);
    int rank = ids.shape().rank();
    Elements indices = Elements.of(args.input(1));
    int[] kept = new int[x.shape().rank() - 1];
    for (int i = 0; i < kept.length; i++) {
      kept[i] = i < a ? i : i + rank;
    }
    int[] replaced = new int[rank];
    for (int i = 0; i < rank; i++) {
      replaced[i] = a + i;
    }
    Layout rest = Strided.without(x, a);
    Layout out = Strided.only(y, kept);
    Layout starts = Strided.only(y, replaced);
    Strided w = Strided.over(ids.shape(), ids, starts);
    int bytes = from.dtype().blockBytes();
    for (long i = 0; i < ids.shape().elements(); i++, w.next()) {
      long index = indices.getLong(w.at(0));
      index = Indices.check("indexSelect", "indices", w, rank, index, x.shape().dim(a), true);
      long source = index * x.stride(a);
      long target = w.at(1) - y.offset();
      Strided slice = Strided.over(rest.shape(), rest, out);
      for (long j = 0; j < rest.shape().elements(); j++, slice.next()) {
        long unit = source + slice.at(0);
        Units.copy(bytes, from.segment(), unit, to.segment(), target + slice.at(1));
      }
    }
  }

  /** y[..., j, ...] = x[..., indices[..., j, ...], ...]. */
  private static void gather(KernelArgs args, int axis) {
    TensorView x = args.input(0);
    TensorView y = args.output();
    Layout ids = args.input(1).layout();
    Shape shape = ids.shape();
    int a = shape.axis(axis);
    Elements indices = Elements.of(args.input(1));
    long[] strides = x.layout().strides();
    long step = strides[a];
    strides[a] = 0;
    Layout lines = Layout.of(shape, strides, x.layout().offset());
    Strided w = Strided.over(shape, ids, lines, y.layout());
    int bytes = x.dtype().blockBytes();
    for (long i = 0; i < shape.elements(); i++, w.next()) {
      long index = indices.getLong(w.at(0));
      index = Indices.check("gather", "indices", w, shape.rank(), index, x.shape().dim(a), true);
      Units.copy(bytes, x.segment(), w.at(1) + index * step, y.segment(), w.at(2));
    }
  }

  private static void where(KernelArgs args) {
    TensorView a = args.input(1);
    TensorView b = args.input(2);
    TensorView y = args.output();
    Elements condition = Elements.of(args.input(0));
    Strided w = Strided.over(y.shape(), args.input(0).layout(), a.layout(), b.layout(), y.layout());
    int bytes = y.dtype().blockBytes();
    for (long i = 0; i < y.shape().elements(); i++, w.next()) {
      boolean first = condition.getLong(w.at(0)) != 0;
      Units.copy(
          bytes,
          first ? a.segment() : b.segment(),
          first ? w.at(1) : w.at(2),
          y.segment(),
          w.at(3));
    }
  }

  private static void embedding(KernelArgs args) {
    TensorView table = args.input(0); // (V, D)
    Layout ids = args.input(1).layout();
    Elements rows = Elements.of(table);
    Elements indices = Elements.of(args.input(1));
    Elements out = Elements.of(args.output());
    Strided w = Strided.over(ids.shape(), ids);
    long d = table.shape().dim(1);
    long to = args.output().layout().offset();
    for (long i = 0; i < ids.shape().elements(); i++, w.next()) {
      long id = indices.getLong(w.at(0));
      id =
          Indices.check("embedding", "ids", w, ids.shape().rank(), id, table.shape().dim(0), false);
      long from = table.layout().offset() + id * table.layout().stride(0);
      for (long j = 0; j < d; j++, to++) {
        CastKernel.convert(
            table.dtype().isFloating(), rows, from + j * table.layout().stride(1), out, to);
      }
    }
  }
}

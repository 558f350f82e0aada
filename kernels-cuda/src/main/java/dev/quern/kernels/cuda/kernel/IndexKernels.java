package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.kernel.Lines.Operand;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.ArrayList;
import java.util.List;

/** What is addressed by indices: {@code gather.cu} and {@code scatter.cu}. */
final class IndexKernels {
  private static final int GROUP_BYTES = 16;
  private static final int EMBEDDING_GROUP = 8;
  private static final int THREADS = 256;
  private static final int WARP = 32;
  private static final String INDICES = "indices";

  private final CudaDevice device;
  private final CopyKernels copies;

  IndexKernels(CudaDevice device, CopyKernels copies) {
    this.device = device;
    this.copies = copies;
  }

  /** Slices as they are: elements, or the pieces of blocks. */
  Runnable indexSelect(KernelArgs args) {
    TensorView x = args.input(0);
    if (!x.dtype().isBlock()) {
      return select(args);
    }
    return select(
        new KernelArgs(
            args.op(),
            List.of(CopyKernels.moved(x), args.input(1)),
            List.of(CopyKernels.moved(args.output())),
            args.precision(),
            args.pool(),
            args.scratch()));
  }

  private Runnable select(KernelArgs args) {
    TensorView x = args.input(0);
    int a = x.shape().axis(((DataOp.IndexSelect) args.op()).axis());
    int bytes = x.dtype().blockBytes();
    Selection s = new Selection("indexSelect", INDICES, true);
    return select(args, a, s, "gather_" + bytes, GROUP_BYTES / bytes);
  }

  Runnable embedding(KernelArgs args) {
    DType t = args.input(0).dtype();
    Selection s = new Selection("embedding", "ids", false);
    boolean moves = t == args.output().dtype();
    return moves
        ? select(args, 0, s, "gather_" + t.blockBytes(), GROUP_BYTES / t.blockBytes())
        : select(args, 0, s, "embedding_" + Launches.name(t), EMBEDDING_GROUP);
  }

  /** What indices are called, and whether negative ones count from the end. */
  private record Selection(String op, String role, boolean negatives) {}

  private Runnable select(KernelArgs args, int axis, Selection s, String kernel, int group) {
    TensorView x = args.input(0);
    TensorView ids = args.input(1);
    TensorView y = args.output();
    Layout from = x.layout();
    Layout at = ids.layout();
    int rank = y.shape().rank();
    int indexed = at.shape().rank();
    long[] source = new long[rank];
    long[] index = new long[rank];
    for (int i = 0; i < rank; i++) {
      if (i >= axis && i < axis + indexed) {
        index[i] = at.stride(i - axis);
      } else {
        source[i] = from.stride(i < axis ? i : i - indexed + 1);
      }
    }
    return gather(args, axis, s, kernel, group, source, index);
  }

  Runnable gather(KernelArgs args) {
    TensorView x = args.input(0);
    TensorView ids = args.input(1);
    int a = x.shape().axis(((DataOp.Gather) args.op()).axis());
    long[] source = x.layout().strides();
    source[a] = 0;
    int bytes = x.dtype().blockBytes();
    Selection s = new Selection("gather", INDICES, true);
    return gather(
        args, a, s, "gather_" + bytes, GROUP_BYTES / bytes, source, ids.layout().strides());
  }

  private Runnable gather(
      KernelArgs args,
      int axis,
      Selection s,
      String kernel,
      int group,
      long[] source,
      long[] index) {
    TensorView x = args.input(0);
    TensorView ids = args.input(1);
    Shape shape = args.output().shape();
    List<Walk> walks =
        Walk.over(
            shape,
            group,
            Walk.Operand.of(args.output()),
            operand(x, shape, source, x.layout().stride(axis)),
            operand(ids, shape, index, 0));
    return Launches.over(
        device,
        "gather",
        kernel,
        walks,
        p ->
            p.address(device.status())
                .int64(device.site(s.op(), s.role()))
                .int64(x.shape().dim(axis))
                .int64(x.layout().stride(axis))
                .int32(wide(ids))
                .int32(s.negatives() ? 1 : 0));
  }

  private static Walk.Operand operand(TensorView x, Shape shape, long[] strides, long jump) {
    return new Walk.Operand(
        x.segment(), x.dtype().blockBytes(), Layout.of(shape, strides, x.layout().offset()), jump);
  }

  /** What a kernel counts in an int. */
  private static int kernelInt(String op, TensorView x, long value) {
    if (value > Integer.MAX_VALUE) {
      throw new NotSupportedException(
          "[%s] %s is more than a kernel takes at once (%d of 2147483647 places or blocks); split it"
              .formatted(op, x.spec(), value));
    }
    return (int) value;
  }

  private static int wide(TensorView indices) {
    return indices.dtype() == ScalarType.I64 ? 1 : 0;
  }

  Runnable indexAdd(KernelArgs args) {
    TensorView x = args.input(0);
    TensorView ids = args.input(1);
    TensorView source = args.input(2);
    TensorView y = args.output();
    int a = x.shape().axis(((ScatterOp.IndexAdd) args.op()).axis());
    if (y.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    int indexed = ids.shape().rank();
    Shape beside = x.shape().remove(a);
    long[] slices = new long[beside.rank()];
    for (int i = 0; i < slices.length; i++) {
      slices[i] = source.layout().stride(i < a ? i : i + indexed);
    }
    long[] starts = new long[indexed];
    for (int i = 0; i < indexed; i++) {
      starts[i] = source.layout().stride(a + i);
    }
    int bytes = source.dtype().blockBytes();
    Lines places =
        Lines.alone(
            beside,
            1,
            Operand.along(y, a),
            Operand.along(x, a),
            new Operand(Launches.start(source), bytes, slices, 0));
    Lines entries =
        Lines.alone(
            ids.shape(),
            1,
            Operand.each(ids, ids.shape()),
            new Operand(Launches.start(source), bytes, starts, 0));
    Params p = entries.write(places.write(new Params()));
    p.address(device.status()).int64(device.site("indexAdd", INDICES));
    p.int64(y.layout().stride(a))
        .int64(x.layout().stride(a))
        .int32(kernelInt("indexAdd", x, x.shape().dim(a)))
        .int32((int) entries.count())
        .int32(wide(ids));
    long tiles = Math.ceilDiv(beside.elements(), WARP);
    p.int32((int) tiles);
    long rows = Math.ceilDiv(x.shape().dim(a), THREADS / WARP);
    Grid grid = Grid.of(kernelInt("indexAdd", x, rows * tiles), THREADS);
    return Launches.of(device, "scatter", "index_add_" + Launches.name(x.dtype()), grid, p);
  }

  Runnable scatterAdd(KernelArgs args) {
    TensorView x = args.input(0);
    TensorView ids = args.input(1);
    TensorView source = args.input(2);
    TensorView y = args.output();
    int a = x.shape().axis(((ScatterOp.ScatterAdd) args.op()).axis());
    List<Runnable> calls = new ArrayList<>();
    calls.add(copies.copy(x, y));
    long extent = x.shape().dim(a);
    if (ids.shape().elements() > 0 && extent > 0) {
      Lines lines =
          Lines.alone(
              ids.shape().remove(a),
              ids.shape().dim(a),
              Operand.along(y, a),
              Operand.along(x, a),
              Operand.along(ids, a),
              Operand.along(source, a));
      Params p = lines.write(new Params()).address(device.status());
      p.int64(device.site("scatterAdd", INDICES))
          .int32(kernelInt("scatterAdd", x, extent))
          .int32(wide(ids));
      calls.add(
          Launches.of(
              device,
              "scatter",
              "scatter_add_" + Launches.name(x.dtype()),
              Grid.over(lines.count() * extent, THREADS),
              p));
    }
    return Launches.inOrder(calls);
  }

  Runnable fold(KernelArgs args) {
    ScatterOp.Fold op = (ScatterOp.Fold) args.op();
    TensorView x = args.input(0);
    TensorView y = args.output();
    if (y.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    int a = x.shape().axis(op.axis());
    int last = x.shape().rank() - 1;
    long[] windows = new long[last - 1];
    for (int i = 0; i < windows.length; i++) {
      windows[i] = x.layout().stride(i < a ? i : i + 1);
    }
    Lines lines =
        Lines.alone(
            y.shape().remove(a),
            x.shape().dim(a),
            Operand.along(y, a),
            new Operand(Launches.start(x), x.dtype().blockBytes(), windows, x.layout().stride(a)));
    Params p =
        lines
            .write(new Params())
            .int64(x.layout().stride(last))
            .int64(op.step())
            .int64(op.dilation())
            .int32(kernelInt("fold", x, x.shape().dim(last)))
            .int32(kernelInt("fold", x, op.extent()));
    Grid grid = Grid.over(lines.count() * op.extent(), THREADS);
    return Launches.of(device, "scatter", "fold_" + Launches.name(x.dtype()), grid, p);
  }
}

package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.DataOp;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.kernel.Walk.Operand;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.ArrayList;
import java.util.List;

/** Elements moved as they are: {@code copy.cu}. */
final class CopyKernels {
  private static final int GROUP_BYTES = 16;
  private static final int TILE = 32;
  private static final int TILE_ROWS = 8;
  private static final int MOST_BATCH = 65_535;
  private static final int MOST_EXTENT = 1 << 20; // tiles of rows fit in a grid's second axis

  private final CudaDevice device;

  CopyKernels(CudaDevice device) {
    this.device = device;
  }

  Runnable contiguous(KernelArgs args) {
    return copy(args.input(0), args.output());
  }

  Runnable assign(KernelArgs args) {
    return copy(args.input(1), args.input(0));
  }

  Runnable concat(KernelArgs args) {
    int axis = ((DataOp.Concat) args.op()).axis();
    TensorView y = args.output();
    List<Runnable> calls = new ArrayList<>();
    long at = 0;
    for (TensorView x : args.inputs()) {
      long extent = x.shape().dim(axis);
      Layout part = y.layout().slice(axis, at, extent, 1);
      calls.add(copy(x, new TensorView(y.dtype(), part, y.segment())));
      at += extent;
    }
    return Launches.inOrder(calls);
  }

  /** Moves x's elements, which broadcast to y, to y's places. */
  Runnable copy(TensorView x, TensorView y) {
    return copy(units(x), units(y));
  }

  private Runnable copy(Operand x, Operand y) {
    Shape shape = y.layout().shape();
    if (transposes(x, y)) {
      return transpose(x, y);
    }
    List<Walk> walks = Walk.over(shape, GROUP_BYTES / y.bytes(), y, x);
    return Launches.over(device, "copy", "copy_" + y.bytes(), walks, _ -> {});
  }

  private static boolean transposes(Operand x, Operand y) {
    Shape shape = y.layout().shape();
    int rank = shape.rank();
    return (rank == 2 || rank == 3)
        && shape.elements() > 0
        && x.layout().shape().equals(shape)
        && y.layout().isContiguous()
        && x.layout().stride(-2) == 1
        && x.layout().stride(-1) != 1
        && shape.dim(-2) > 1
        && shape.dim(-1) > 1
        && (rank == 2 || shape.dim(0) <= MOST_BATCH)
        && shape.dim(-2) <= MOST_EXTENT
        && shape.dim(-1) <= Integer.MAX_VALUE;
  }

  private Runnable transpose(Operand x, Operand y) {
    Layout l = x.layout();
    Shape shape = l.shape();
    boolean batched = shape.rank() == 3;
    long rows = shape.dim(-2);
    long columns = shape.dim(-1);
    Params p =
        new Params()
            .address(y.segment().address() + y.layout().offset() * y.bytes())
            .address(x.segment().address() + l.offset() * x.bytes())
            .int64(batched ? l.stride(0) : 0)
            .int64(l.stride(-1))
            .int32((int) rows)
            .int32((int) columns);
    Grid grid =
        new Grid(
            (int) Math.ceilDiv(columns, (long) TILE),
            (int) Math.ceilDiv(rows, (long) TILE),
            batched ? (int) shape.dim(0) : 1,
            TILE * TILE_ROWS,
            0);
    return Launches.of(device, "copy", "transpose_" + y.bytes(), grid, p);
  }

  /**
   * A view in units that can be moved: elements, or the pieces of blocks that have a power of two
   * of bytes. The blocks must run along the last axis.
   */
  private static Operand units(TensorView view) {
    return Operand.of(moved(view));
  }

  /** The same as a view of integers of such units. */
  static TensorView moved(TensorView view) {
    DType t = view.dtype();
    if (!t.isBlock()) {
      return view;
    }
    Layout l = view.layout();
    int unit = Math.min(Long.BYTES, Integer.lowestOneBit(t.blockBytes()));
    int each = t.blockBytes() / unit;
    long[] strides = l.strides();
    for (int a = 0; a < strides.length; a++) {
      strides[a] = strides[a] / t.blockLength() * each;
    }
    Shape shape = l.shape();
    strides[strides.length - 1] = 1;
    return new TensorView(
        integers(unit),
        Layout.of(
            shape.with(-1, shape.dim(-1) / t.blockLength() * each),
            strides,
            l.offset() / t.blockLength() * each),
        view.segment());
  }

  private static ScalarType integers(int bytes) {
    return switch (bytes) {
      case 1 -> ScalarType.U8;
      case 2 -> ScalarType.I16;
      case 4 -> ScalarType.I32;
      default -> ScalarType.I64;
    };
  }
}

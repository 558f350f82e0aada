package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Sums of F32 without gaps over the first axes, or all: y[j] = Σᵢ x[i, j], the gradients of biases
 * and of whatever else was broadcast; {@code sums.c}. Of squares only all.
 *
 * <p>Slices are about {@value #ELEMENTS} elements, some rows and up to {@value #COLUMNS} columns;
 * the sums of each wait in scratch and are added in order. The cut depends on the shape alone.
 */
final class SumKernel implements Kernel {
  private static final long ELEMENTS = 32 * 1024;
  private static final long COLUMNS = 2048;
  private static final long JOINED = 512; // columns of a slice that joins

  private final Functions functions;
  private final boolean squares;

  private SumKernel(Functions functions, boolean squares) {
    this.functions = functions;
    this.squares = squares;
  }

  /** The kernel for a signature, or null if it is no such sum. */
  static @Nullable SumKernel of(Functions functions, KernelSignature s) {
    boolean taken =
        s.op() instanceof ReduceOp.Sum sum
            && leading(sum.axes())
            && s.inputs().getFirst() == ScalarType.F32
            && s.allContiguous();
    return taken ? new SumKernel(functions, false) : null;
  }

  /** The same for {@link FusedOp.SquareSum}. */
  static @Nullable SumKernel ofSquares(Functions functions, KernelSignature s) {
    return Elements.onlyF32(s) ? new SumKernel(functions, true) : null;
  }

  /** Whether these are axes 0 to some other, all counted from the beginning. */
  static boolean leading(List<Integer> axes) {
    for (int i = 0; i < axes.size(); i++) {
      if (!axes.contains(i)) {
        return false;
      }
    }
    return !axes.isEmpty();
  }

  @Override
  public String name() {
    return (squares ? "squareSum " : "sum ") + functions.get("sum_columns").tier().suffix();
  }

  /** How a sum is cut; with one column, x is a line of `rows` elements. */
  private record Cut(long rows, long columns, long sliceRows, long sliceColumns) {
    static Cut of(TensorView x, TensorView y) {
      long columns = y.shape().elements();
      long rows = columns == 0 ? 0 : x.shape().elements() / columns;
      long wide = Math.min(columns, COLUMNS);
      long high = Math.max(8, ELEMENTS / Math.max(1, wide) / 8 * 8);
      return new Cut(rows, columns, high, Math.max(1, wide));
    }

    int rowSlices() {
      return Math.toIntExact(Math.max(1, Math.ceilDiv(rows, sliceRows)));
    }

    int columnSlices() {
      return Math.toIntExact(Math.ceilDiv(columns, sliceColumns));
    }
  }

  @Override
  public long scratchBytes(List<TensorView> in, List<TensorView> out) {
    Cut cut = Cut.of(in.getFirst(), out.getFirst());
    return cut.rowSlices() > 1 ? cut.rowSlices() * cut.columns * Float.BYTES : 0;
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(this, args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment sumColumns;
    private final MemorySegment sumAll;
    private final MemorySegment firstAll; // of the operand: maybe squared
    private final Cut cut;
    private final int rowSlices;
    private final int columnSlices;
    private final Slices x; // (rows, columns)
    private final Slices sums; // (row slices, columns), or the result
    private final Slices parts; // by columns
    private final Slices y; // (columns)
    private final TaskPool pool;
    private final TaskPool.Task task = this::sum;
    private final TaskPool.Task joinTask = this::join;

    Call(SumKernel kernel, KernelArgs args) {
      sumColumns = kernel.functions.get("sum_columns").address();
      sumAll = kernel.functions.get("sum_all").address();
      firstAll = kernel.squares ? kernel.functions.get("sum_squares").address() : sumAll;
      cut = Cut.of(args.input(0), args.output());
      rowSlices = cut.rowSlices();
      columnSlices = cut.columnSlices();
      int slices = Math.multiplyExact(rowSlices, columnSlices);
      MemorySegment to = rowSlices > 1 ? args.scratch() : args.output().base();
      x = new Slices(args.input(0).base(), slices);
      sums = new Slices(to, slices);
      parts = new Slices(to, joins());
      y = new Slices(args.output().base(), joins());
      pool = args.pool();
    }

    private int joins() {
      return Math.toIntExact(Math.ceilDiv(cut.columns, JOINED));
    }

    @Override
    public void run() {
      pool.parallelFor(Math.multiplyExact(rowSlices, columnSlices), task);
      if (rowSlices > 1) {
        pool.parallelFor(joins(), joinTask);
      }
    }

    private void sum(int slice) {
      long piece = slice / columnSlices;
      long row = piece * cut.sliceRows;
      long column = slice % columnSlices * cut.sliceColumns;
      long rows = Math.min(cut.sliceRows, cut.rows - row);
      long columns = Math.min(cut.sliceColumns, cut.columns - column);
      long first = cut.rows == 0 ? 0 : row * cut.columns + column; // no rows, no memory
      MemorySegment from = x.get(slice, first * Float.BYTES);
      MemorySegment to = sums.get(slice, (piece * cut.columns + column) * Float.BYTES);
      if (cut.columns == 1) {
        Calls.sumAll(firstAll, from, rows, to);
      } else {
        Calls.sumColumns(sumColumns, from, cut.columns, to, rows, columns);
      }
    }

    private void join(int slice) {
      long at = slice * JOINED;
      long columns = Math.min(JOINED, cut.columns - at);
      MemorySegment from = parts.get(slice, at * Float.BYTES);
      MemorySegment to = y.get(slice, at * Float.BYTES);
      if (cut.columns == 1) {
        Calls.sumAll(sumAll, from, rowSlices, to);
      } else {
        Calls.sumColumns(sumColumns, from, cut.columns, to, rowSlices, columns);
      }
    }
  }
}

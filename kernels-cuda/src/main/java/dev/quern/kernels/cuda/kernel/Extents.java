package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;
import java.util.Arrays;

/**
 * How far a matrix product goes, and in which steps: rows, columns, and a batch beside them.
 * Strides are in elements.
 *
 * @param m rows of a batch's result
 * @param n its columns
 * @param k what is summed over
 * @param aRow from one row of the left operand to the next
 * @param aStep from one of its elements along k to the next
 * @param wColumn from one column of the right operand to the next
 * @param wStep from one of its elements along k to the next
 * @param batch the batch's extents, and the strides of both operands over them; at least one axis
 */
record Extents(
    long m, long n, long k, long aRow, long aStep, long wColumn, long wStep, Axes batch) {

  /** a · b, whose leading axes broadcast, of the result's shape. */
  static Extents matMul(TensorView a, TensorView b, Shape c) {
    int rank = c.rank();
    Shape batch = c.slice(0, rank - 2);
    Layout left =
        a.layout().expand(batch.concat(a.shape().slice(-2 + a.shape().rank(), a.shape().rank())));
    Layout right =
        b.layout().expand(batch.concat(b.shape().slice(-2 + b.shape().rank(), b.shape().rank())));
    return new Extents(
        c.dim(-2),
        c.dim(-1),
        a.shape().dim(-1),
        a.layout().stride(-2),
        a.layout().stride(-1),
        b.layout().stride(-1),
        b.layout().stride(-2),
        Axes.of(
            batch,
            Arrays.copyOf(left.strides(), rank - 2),
            Arrays.copyOf(right.strides(), rank - 2)));
  }

  /**
   * x · wᵀ. The rows of x are what merges of its axes; the others are a batch that shares the
   * weight.
   */
  static Extents linear(TensorView x, TensorView w) {
    int last = x.shape().rank() - 1;
    Axes rows = Axes.of(x.shape().slice(0, last), Arrays.copyOf(x.layout().strides(), last));
    int inner = rows.rank() - 1;
    long[] dims = Arrays.copyOf(rows.dims(), inner);
    return new Extents(
        rows.dims()[inner],
        w.shape().dim(0),
        w.shape().dim(1),
        rows.strides()[0][inner],
        x.layout().stride(-1),
        w.layout().stride(0),
        w.layout().stride(1),
        Axes.of(Shape.of(dims), Arrays.copyOf(rows.strides()[0], inner), new long[inner]));
  }

  /** How many products there are. */
  long batches() {
    return Arrays.stream(batch.dims()).reduce(1, (x, y) -> x * y);
  }
}

package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A matrix product as the kernels take it: c[b, i, j] = Σₖ a[b, i, k] · w[b, j, k] (+ bias[j]), and
 * what the epilogue makes of it; c lies without gaps.
 *
 * @param a the left operand by its rows
 * @param w the right operand by its columns
 * @param bias address of the bias, of the left operand's type; 0 if there is none
 * @param biasStep between its elements
 * @param c address of the result, of the left operand's type
 * @param m rows of a batch's result
 * @param n its columns
 * @param k what is summed over
 * @param batch the batch's extents, and the strides of a and w over them; at least one axis
 * @param epilogue what becomes of the results
 */
record Product(
    Factor a,
    Factor w,
    long bias,
    long biasStep,
    long c,
    long m,
    long n,
    long k,
    Axes batch,
    Epilogue epilogue) {

  /**
   * An operand.
   *
   * @param type of its elements
   * @param address of the first
   * @param row from one row (of the right operand: column) to the next, in elements
   * @param step from one element of k to the next
   */
  record Factor(DType type, long address, long row, long step) {}

  /** a · b, whose leading axes broadcast. */
  static Product matMul(TensorView a, TensorView b, TensorView c, Epilogue epilogue) {
    int rank = c.shape().rank();
    Shape batch = c.shape().slice(0, rank - 2);
    Layout left =
        a.layout().expand(batch.concat(a.shape().slice(-2 + a.shape().rank(), a.shape().rank())));
    Layout right =
        b.layout().expand(batch.concat(b.shape().slice(-2 + b.shape().rank(), b.shape().rank())));
    return new Product(
        new Factor(a.dtype(), Launches.start(a), a.layout().stride(-2), a.layout().stride(-1)),
        new Factor(b.dtype(), Launches.start(b), b.layout().stride(-1), b.layout().stride(-2)),
        0,
        0,
        Launches.start(c),
        c.shape().dim(-2),
        c.shape().dim(-1),
        a.shape().dim(-1),
        Axes.of(
            batch,
            Arrays.copyOf(left.strides(), rank - 2),
            Arrays.copyOf(right.strides(), rank - 2)),
        epilogue);
  }

  /**
   * x · wᵀ (+ bias). The rows of x are what merges of its axes; the others are a batch that shares
   * the weight.
   */
  static Product linear(
      TensorView x, TensorView w, @Nullable TensorView bias, TensorView c, Epilogue epilogue) {
    int last = x.shape().rank() - 1;
    Axes rows = Axes.of(x.shape().slice(0, last), Arrays.copyOf(x.layout().strides(), last));
    int inner = rows.rank() - 1;
    long[] dims = Arrays.copyOf(rows.dims(), inner);
    return new Product(
        new Factor(x.dtype(), Launches.start(x), rows.strides()[0][inner], x.layout().stride(-1)),
        new Factor(w.dtype(), Launches.start(w), w.layout().stride(0), w.layout().stride(1)),
        bias == null ? 0 : Launches.start(bias),
        bias == null ? 0 : bias.layout().stride(0),
        Launches.start(c),
        rows.dims()[inner],
        w.shape().dim(0),
        w.shape().dim(1),
        Axes.of(Shape.of(dims), Arrays.copyOf(rows.strides()[0], inner), new long[inner]),
        epilogue);
  }

  /** How many products there are. */
  long batches() {
    return Arrays.stream(batch.dims()).reduce(1, (x, y) -> x * y);
  }

  /** Elements of the result. */
  long results() {
    return batches() * m * n;
  }
}

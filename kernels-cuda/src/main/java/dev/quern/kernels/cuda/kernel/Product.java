package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.DType;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A matrix product as the kernels take it: c[b, i, j] = Σₖ a[b, i, k] · w[b, j, k] (+ bias[j]), and
 * what the epilogue makes of it; c lies without gaps.
 *
 * @param a the left operand by its rows
 * @param w the right operand by its columns
 * @param bias address of the bias, of the result's type; 0 if there is none
 * @param biasStep between its elements
 * @param c address of the result
 * @param type of the result
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
    DType type,
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
    return of(Extents.matMul(a, b, c.shape()), a, b, null, c, epilogue);
  }

  /** x · wᵀ (+ bias). */
  static Product linear(
      TensorView x, TensorView w, @Nullable TensorView bias, TensorView c, Epilogue epilogue) {
    return of(Extents.linear(x, w), x, w, bias, c, epilogue);
  }

  private static Product of(
      Extents e,
      TensorView a,
      TensorView w,
      @Nullable TensorView bias,
      TensorView c,
      Epilogue epilogue) {
    return new Product(
        new Factor(a.dtype(), Launches.start(a), e.aRow(), e.aStep()),
        new Factor(w.dtype(), Launches.start(w), e.wColumn(), e.wStep()),
        bias == null ? 0 : Launches.start(bias),
        bias == null ? 0 : bias.layout().stride(0),
        Launches.start(c),
        c.dtype(),
        e.m(),
        e.n(),
        e.k(),
        e.batch(),
        epilogue);
  }

  /** The same without its epilogue. */
  Product plain() {
    return new Product(a, w, bias, biasStep, c, type, m, n, k, batch, Epilogue.NONE);
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

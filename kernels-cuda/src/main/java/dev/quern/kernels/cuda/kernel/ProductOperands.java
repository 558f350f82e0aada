package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import org.jspecify.annotations.Nullable;

/**
 * What a product is made of, as an operation is given it.
 *
 * @param linear whether it is a · wᵀ (+ bias); else a · w, whose leading axes broadcast
 * @param a the left operand
 * @param w the right operand
 * @param bias of a linear product, or null
 * @param c the result
 * @param epilogue what becomes of the results
 */
record ProductOperands(
    boolean linear,
    TensorView a,
    TensorView w,
    @Nullable TensorView bias,
    TensorView c,
    Epilogue epilogue) {

  /** a · w. */
  static ProductOperands matMul(TensorView a, TensorView w, TensorView c, Epilogue epilogue) {
    return new ProductOperands(false, a, w, null, c, epilogue);
  }

  /** x · wᵀ (+ bias). */
  static ProductOperands linear(
      TensorView x, TensorView w, @Nullable TensorView bias, TensorView c, Epilogue epilogue) {
    return new ProductOperands(true, x, w, bias, c, epilogue);
  }

  /** The same with other factors. */
  ProductOperands with(TensorView left, TensorView right) {
    return new ProductOperands(linear, left, right, bias, c, epilogue);
  }

  /** As the kernels take it. */
  Product product() {
    return linear ? Product.linear(a, w, bias, c, epilogue) : Product.matMul(a, w, c, epilogue);
  }
}

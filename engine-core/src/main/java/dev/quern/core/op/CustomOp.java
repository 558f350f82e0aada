package dev.quern.core.op;

import dev.quern.core.memory.TensorView;
import java.util.List;

/**
 * The open door: an operation that a user defines. It runs on the CPU through {@link #compute},
 * eagerly and in plans. It differentiates if it overrides {@link #vjp}, which may be any rule, or
 * {@link #decompose}, through which a gradient is then found. A kernel provider may offer a faster
 * kernel for it, found by its name and equality.
 *
 * <p>Make it a record, so that equal attributes share a kernel.
 */
public non-sealed interface CustomOp extends Op {
  /**
   * Computes the outputs.
   *
   * @param inputs as {@link #infer} accepted them, without gaps
   * @param outputs memory for the results, without gaps, contents arbitrary
   */
  void compute(List<TensorView> inputs, List<TensorView> outputs);
}

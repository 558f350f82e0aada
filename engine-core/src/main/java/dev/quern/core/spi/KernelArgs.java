package dev.quern.core.spi;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Op;
import dev.quern.core.type.Precision;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * One call of a kernel. Shapes and dtypes have been checked by {@code infer}.
 *
 * @param op the operation
 * @param inputs operands
 * @param outputs results without gaps, contents arbitrary; residuals last
 * @param precision EXACT, FAST or BF16
 * @param pool the threads
 * @param scratch at least {@link Kernel#scratchBytes}, 64-byte aligned, contents arbitrary at each
 *     run
 */
public record KernelArgs(
    Op op,
    List<TensorView> inputs,
    List<TensorView> outputs,
    Precision precision,
    TaskPool pool,
    MemorySegment scratch) {

  /**
   * An operand.
   *
   * @param i its index
   * @return the view
   */
  public TensorView input(int i) {
    return inputs.get(i);
  }

  /**
   * The first result.
   *
   * @return the view
   */
  public TensorView output() {
    return outputs.getFirst();
  }
}

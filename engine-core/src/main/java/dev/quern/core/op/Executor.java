package dev.quern.core.op;

import java.util.List;

/**
 * What a tensor's methods hand their operation to: the engine, which runs it, records it, or puts
 * it on a tape.
 */
public interface Executor {
  /**
   * Applies an operation.
   *
   * @param op the operation
   * @param inputs its inputs
   * @return its outputs
   * @throws dev.quern.core.type.QuernException if the inputs don't fit or can't be computed with
   */
  List<Tensor> apply(Op op, List<Tensor> inputs);

  /**
   * Applies an operation of one output.
   *
   * @param op the operation
   * @param inputs its inputs
   * @return its output
   */
  default Tensor one(Op op, Tensor... inputs) {
    return apply(op, List.of(inputs)).getFirst();
  }
}

package dev.quern.core.op;

import dev.quern.core.type.Device;
import java.util.List;
import java.util.function.UnaryOperator;

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

  /**
   * Applies an operation without inputs.
   *
   * @param op the operation
   * @param device where its output is wanted
   * @return its output
   */
  default Tensor create(CreateOp op, Device device) {
    return one(op);
  }

  /**
   * Where tensors are made.
   *
   * @return the device
   */
  default Device device() {
    return Device.CPU;
  }

  /**
   * A new handle on the same values, of which a gradient tape knows nothing.
   *
   * @param tensor the values
   * @return same dtype, layout and memory
   */
  Tensor detach(Tensor tensor);

  /**
   * Copies a tensor to another device.
   *
   * @param tensor what to copy
   * @param device where to
   * @return the copy
   * @throws dev.quern.core.type.DeviceException if there is no such device
   * @throws dev.quern.core.type.NotSupportedException if its backend can't hold tensors yet
   */
  Tensor move(Tensor tensor, Device device);

  /**
   * Runs code of which gradient tapes keep only inputs and results, to run it again in the backward
   * pass; without a tape it just runs it.
   *
   * @param code from inputs to results; the same each time
   * @param inputs its arguments
   * @return its results
   */
  default List<Tensor> checkpoint(UnaryOperator<List<Tensor>> code, List<Tensor> inputs) {
    return code.apply(inputs);
  }
}

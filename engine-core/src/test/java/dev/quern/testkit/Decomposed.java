package dev.quern.testkit;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.CustomOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.TensorSpec;
import java.util.List;

/** A fused operation that is never run as such: tests call {@link #parts}. */
record Decomposed(Op op) implements CustomOp {
  @Override
  public List<TensorSpec> infer(List<TensorSpec> inputs) {
    return op.infer(inputs);
  }

  @Override
  public List<Tensor> decompose(List<Tensor> inputs) {
    return op.decompose(inputs);
  }

  @Override
  public void compute(List<TensorView> inputs, List<TensorView> outputs) {
    throw new UnsupportedOperationException("run its parts");
  }

  /** The outputs of an operation, in parts if it is one of these. */
  static List<Tensor> run(Op op, List<Tensor> inputs) {
    return op instanceof Decomposed d
        ? d.decompose(inputs)
        : inputs.getFirst().executor().apply(op, inputs);
  }
}

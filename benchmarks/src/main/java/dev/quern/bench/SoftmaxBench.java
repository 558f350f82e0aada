package dev.quern.bench;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.function.Supplier;
import org.openjdk.jmh.annotations.Param;

/** Softmax over the last axis. */
public class SoftmaxBench extends OpBench {
  /** Rows. */
  @Param({"4096"})
  int rows = 4096;

  /** Columns. */
  @Param({"4096", "128256"})
  int columns = 4096;

  /** Dtype of input and result. */
  @Param({"F32", "BF16"})
  ScalarType dtype = ScalarType.F32;

  /** For JMH. */
  public SoftmaxBench() {}

  @Override
  Supplier<Tensor> operation(OpPlan inputs) {
    Tensor x = inputs.input(dtype, columns > 100_000 ? 1 : rows, columns);
    return () -> x.softmax(-1);
  }
}

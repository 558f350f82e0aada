package dev.quern.bench;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.util.function.Supplier;
import org.openjdk.jmh.annotations.Param;

/** y[n] = w[n, k] · x[k]: decode, a stream over the weight. */
public class MatVecBench extends OpBench {
  /** Rows of the weight by its columns. */
  @Param({"2048x2048", "8192x2048"})
  String shape = "2048x2048";

  /** Dtype of the weight. */
  @Param({"F32", "BF16", "F16", "Q8_0", "Q4_0", "Q4_K", "Q6_K"})
  String type = "F32";

  /** For JMH. */
  public MatVecBench() {}

  @Override
  Supplier<Tensor> operation(OpPlan inputs) {
    String[] nk = shape.split("x", -1);
    long n = Long.parseLong(nk[0]);
    long k = Long.parseLong(nk[1]);
    Tensor x = inputs.input(ScalarType.F32, 1, k);
    Tensor w = inputs.input(DType.of(type), n, k);
    return () -> x.linear(w);
  }
}

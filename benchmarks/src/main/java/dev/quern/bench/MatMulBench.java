package dev.quern.bench;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.util.Arrays;
import java.util.function.Supplier;
import org.openjdk.jmh.annotations.Param;

/** y[m, n] = x[m, k] · w[n, k]ᵀ: prefill. */
public class MatMulBench extends OpBench {
  /** Rows of the activation, columns of the result, inner extent. */
  @Param({"512x2048x2048", "128x2048x2048", "512x8192x2048"})
  String shape = "512x2048x2048";

  /** Dtype of the weight. */
  @Param({"F32", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q6_K"})
  String type = "F32";

  /** What may be rounded. */
  @Param({"AUTO", "EXACT"})
  Precision precision = Precision.AUTO;

  /** For JMH. */
  public MatMulBench() {}

  @Override
  Precision precision() {
    return precision;
  }

  @Override
  long flops() {
    return 2
        * Arrays.stream(shape.split("x", -1)).mapToLong(Long::parseLong).reduce(1, (a, b) -> a * b);
  }

  @Override
  Supplier<Tensor> operation(OpPlan inputs) {
    String[] mnk = shape.split("x", -1);
    long m = Long.parseLong(mnk[0]);
    long n = Long.parseLong(mnk[1]);
    long k = Long.parseLong(mnk[2]);
    Tensor x = inputs.input(ScalarType.F32, m, k);
    Tensor w = inputs.input(DType.of(type), n, k);
    return () -> x.linear(w);
  }
}

package dev.quern.bench;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.function.Supplier;
import org.openjdk.jmh.annotations.Param;

/** Layer norms over the last axis. */
public class NormBench extends OpBench {
  /** Which norm. */
  @Param({"rmsNorm", "layerNorm"})
  String norm = "rmsNorm";

  /** Rows of 4096. */
  @Param({"1", "4096"})
  int rows = 1;

  /** Dtype of inputs and result. */
  @Param({"F32", "BF16"})
  ScalarType dtype = ScalarType.F32;

  /** For JMH. */
  public NormBench() {}

  @Override
  Supplier<Tensor> operation(OpPlan inputs) {
    Tensor x = inputs.input(dtype, rows, 4096);
    Tensor w = inputs.input(dtype, 4096);
    Tensor b = inputs.input(dtype, 4096);
    return () -> norm.equals("rmsNorm") ? x.rmsNorm(w, 1e-5f) : x.layerNorm(w, b, 1e-5f);
  }
}

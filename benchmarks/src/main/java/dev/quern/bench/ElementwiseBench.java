package dev.quern.bench;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.function.Supplier;
import org.openjdk.jmh.annotations.Param;

/** Elementwise operations: a stream over memory. */
public class ElementwiseBench extends OpBench {
  /** Which operation. */
  @Param({"add", "mul", "silu", "exp", "gelu", "swiGlu"})
  String operation = "add";

  /** Elements. */
  @Param({"16777216", "8192"})
  int elements = 8192;

  /** Dtype of inputs and result. */
  @Param({"F32", "BF16"})
  ScalarType dtype = ScalarType.F32;

  /** For JMH. */
  public ElementwiseBench() {}

  @Override
  Supplier<Tensor> operation(OpPlan inputs) {
    Tensor a = inputs.input(dtype, elements);
    Tensor b = inputs.input(dtype, elements);
    return () ->
        switch (operation) {
          case "add" -> a.add(b);
          case "mul" -> a.mul(b);
          case "silu" -> a.silu();
          case "exp" -> a.exp();
          case "gelu" -> a.gelu();
          default -> a.swiGlu(b);
        };
  }
}

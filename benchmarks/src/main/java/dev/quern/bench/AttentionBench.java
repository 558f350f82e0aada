package dev.quern.bench;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.function.Supplier;
import org.openjdk.jmh.annotations.Param;

/** Causal attention, head size 64: prefill, and a step of decoding at several depths. */
public class AttentionBench extends OpBench {
  /** Queries by keys. */
  @Param({"2048x2048", "1x2048", "1x64"})
  String shape = "2048x2048";

  /** Heads of the queries by heads of keys and values. */
  @Param({"32x32", "32x8"})
  String heads = "32x32";

  /** Dtype of keys and values. */
  @Param({"F32", "F16", "BF16"})
  ScalarType cache = ScalarType.F32;

  /** Dtype of queries and result: F32, or that of keys and values. */
  @Param({"F32"})
  ScalarType query = ScalarType.F32;

  /** For JMH. */
  public AttentionBench() {}

  @Override
  Supplier<Tensor> operation(OpPlan inputs) {
    String[] t = shape.split("x", -1);
    String[] h = heads.split("x", -1);
    Tensor q = inputs.input(query, 1, Long.parseLong(t[0]), Long.parseLong(h[0]), 64);
    Tensor k = inputs.input(cache, 1, Long.parseLong(t[1]), Long.parseLong(h[1]), 64);
    Tensor v = inputs.input(cache, 1, Long.parseLong(t[1]), Long.parseLong(h[1]), 64);
    return () -> q.attention(k, v, true);
  }
}

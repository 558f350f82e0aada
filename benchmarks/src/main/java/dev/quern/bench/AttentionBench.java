package dev.quern.bench;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Causal attention, head size 64: prefill and a decode step at depth. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--add-modules=jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED",
      "-Dquern.memory.automaticBudgetBytes=8589934592"
    })
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class AttentionBench {
  /** Whose kernels. */
  @Param({"native", "vector"})
  String kernels = "native";

  /** Queries by keys. */
  @Param({"2048x2048", "1x2048"})
  String shape = "2048x2048";

  /** Heads of the queries by heads of keys and values. */
  @Param({"32x32", "32x8"})
  String heads = "32x32";

  /** Dtype of keys and values. */
  @Param({"F32", "BF16"})
  ScalarType cache = ScalarType.F32;

  private OpPlan plan = new OpPlan("all", Precision.AUTO);

  /** For JMH. */
  public AttentionBench() {}

  /** Records the operation. */
  @Setup
  public void record() {
    plan.close();
    plan = new OpPlan(kernels, Precision.AUTO);
    String[] t = shape.split("x", -1);
    String[] h = heads.split("x", -1);
    Tensor q = plan.input(ScalarType.F32, 1, Long.parseLong(t[0]), Long.parseLong(h[0]), 64);
    Tensor k = plan.input(cache, 1, Long.parseLong(t[1]), Long.parseLong(h[1]), 64);
    Tensor v = plan.input(cache, 1, Long.parseLong(t[1]), Long.parseLong(h[1]), 64);
    plan.record(_ -> q.attention(k, v, true));
  }

  /** Gives memory back. */
  @TearDown
  public void close() {
    plan.close();
  }

  /** Replays the operation. */
  @Benchmark
  public void run() {
    plan.run();
  }
}

package dev.quern.bench;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
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

/** y[m, n] = x[m, k] · w[n, k]ᵀ: prefill. GFLOP/s = 2·m·n·k / time. */
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
public class MatMulBench {
  /** Whose kernels. */
  @Param({"native", "vector"})
  String kernels = "native";

  /** Rows of the activation, columns of the result, inner extent. */
  @Param({"512x2048x2048", "128x2048x2048", "512x8192x2048"})
  String shape = "512x2048x2048";

  /** Dtype of the weight. */
  @Param({"F32", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q6_K"})
  String type = "F32";

  /** What may be rounded. */
  @Param({"AUTO", "EXACT"})
  Precision precision = Precision.AUTO;

  private OpPlan plan = new OpPlan("all", Precision.AUTO);

  /** For JMH. */
  public MatMulBench() {}

  /** Records the operation. */
  @Setup
  public void record() {
    plan.close();
    plan = new OpPlan(kernels, precision);
    String[] mnk = shape.split("x", -1);
    long m = Long.parseLong(mnk[0]);
    long n = Long.parseLong(mnk[1]);
    long k = Long.parseLong(mnk[2]);
    Tensor x = plan.input(ScalarType.F32, m, k);
    Tensor w = plan.input(DType.of(type), n, k);
    plan.record(_ -> x.linear(w));
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

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

/** y[n] = w[n, k] · x[k]: decode, a stream over the weight. GB/s = bytes of w / time. */
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
public class MatVecBench {
  /** Whose kernels. */
  @Param({"native", "vector"})
  String kernels = "native";

  /** Rows of the weight by its columns. */
  @Param({"2048x2048", "8192x2048"})
  String shape = "2048x2048";

  /** Dtype of the weight. */
  @Param({"F32", "BF16", "F16", "Q8_0", "Q4_0", "Q4_K", "Q6_K"})
  String type = "F32";

  private OpPlan plan = new OpPlan("all", Precision.AUTO);

  /** For JMH. */
  public MatVecBench() {}

  /** Records the operation. */
  @Setup
  public void record() {
    plan.close();
    plan = new OpPlan(kernels, Precision.AUTO);
    String[] nk = shape.split("x", -1);
    long n = Long.parseLong(nk[0]);
    long k = Long.parseLong(nk[1]);
    Tensor x = plan.input(ScalarType.F32, 1, k);
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

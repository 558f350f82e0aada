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

/** Softmax over the last axis. */
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
public class SoftmaxBench {
  /** Whose kernels. */
  @Param({"native", "vector"})
  String kernels = "native";

  /** Rows. */
  @Param({"4096"})
  int rows = 4096;

  /** Columns. */
  @Param({"4096", "128256"})
  int columns = 4096;

  private OpPlan plan = new OpPlan("all", Precision.AUTO);

  /** For JMH. */
  public SoftmaxBench() {}

  /** Records the operation. */
  @Setup
  public void record() {
    plan.close();
    plan = new OpPlan(kernels, Precision.AUTO);
    Tensor x = plan.input(ScalarType.F32, columns > 100_000 ? 1 : rows, columns);
    plan.record(_ -> x.softmax(-1));
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

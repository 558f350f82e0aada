package dev.quern.bench;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.Precision;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
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

/** What all benchmarks of one operation share; JMH takes the annotations from here. */
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
public abstract class OpBench {
  /** Whose kernels. */
  @Param({"native", "vector"})
  String kernels = "native";

  private @Nullable OpPlan plan;

  /** For JMH. */
  OpBench() {}

  /** Makes the inputs and says what is computed from them. */
  abstract Supplier<Tensor> operation(OpPlan inputs);

  /** What matrix products may round. */
  Precision precision() {
    return Precision.AUTO;
  }

  /** Multiplications and additions of a matrix product, 0 for anything else. */
  long flops() {
    return 0;
  }

  /** Records the operation. */
  @Setup
  public void record() {
    plan = new OpPlan(kernels, precision());
    plan.record(operation(plan));
    RateProfiler.work(plan.bytes(), flops());
  }

  /** Gives memory back. */
  @TearDown
  public void close() {
    plan().close();
  }

  /** Replays the operation. */
  @Benchmark
  public void run() {
    plan().run();
  }

  private OpPlan plan() {
    if (plan == null) {
      throw new IllegalStateException("record() comes first");
    }
    return plan;
  }
}

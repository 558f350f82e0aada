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

/** Elementwise operations on F32: a stream over memory. */
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
public class ElementwiseBench {
  /** Whose kernels. */
  @Param({"native", "vector"})
  String kernels = "native";

  /** Which operation. */
  @Param({"add", "mul", "silu", "exp", "gelu", "swiGlu"})
  String operation = "add";

  /** Elements. */
  @Param({"16777216", "8192"})
  int elements = 8192;

  private OpPlan plan = new OpPlan("all", Precision.AUTO);

  /** For JMH. */
  public ElementwiseBench() {}

  /** Records the operation. */
  @Setup
  public void record() {
    plan.close();
    plan = new OpPlan(kernels, Precision.AUTO);
    Tensor a = plan.input(ScalarType.F32, elements);
    Tensor b = plan.input(ScalarType.F32, elements);
    plan.record(
        _ ->
            switch (operation) {
              case "add" -> a.add(b);
              case "mul" -> a.mul(b);
              case "silu" -> a.silu();
              case "exp" -> a.exp();
              case "gelu" -> a.gelu();
              default -> a.swiGlu(b);
            });
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

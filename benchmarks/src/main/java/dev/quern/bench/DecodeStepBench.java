package dev.quern.bench;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.DType;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.decode.SessionOptions;
import dev.quern.transformer.decode.TokenChooser;
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

/**
 * One decode step of a 110M-parameter Llama, from a token to the next: a replay of the session's
 * plan at depth 0 to 1, and the likeliest token. With {@code -prof gc}, {@code gc.alloc.rate.norm}
 * is 0 but for what JMH allocates itself.
 */
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
@SuppressWarnings("NullAway.Init") // JMH calls open() first
public class DecodeStepBench {
  /** Dtype of the weights. */
  @Param({"F32", "BF16", "Q8_0", "Q4_0"})
  String type = "Q8_0";

  /** Whose kernels; the reference has what a backend lacks. */
  @Param({"native,reference", "vector,reference"})
  String kernels = "native,reference";

  private final TokenChooser chooser = TokenChooser.greedy();
  private Session session;

  /** For JMH. */
  public DecodeStepBench() {}

  /** Makes the weights and records the plan. */
  @Setup
  public void open() {
    System.setProperty("quern.kernels", kernels);
    Engine engine = Engine.create();
    RandomDecoder decoder = new RandomDecoder(engine, DType.of(type));
    session = Session.open(engine, decoder, SessionOptions.of(1, 16));
    RateProfiler.work(decoder.weightBytes(), 0);
    session.step(1);
  }

  /** Gives the cache back. */
  @TearDown
  public void close() {
    session.close();
  }

  /**
   * One step.
   *
   * @return the next token
   */
  @Benchmark
  public int step() {
    session.cache().truncate(0, 0);
    return session.step(1, chooser);
  }
}

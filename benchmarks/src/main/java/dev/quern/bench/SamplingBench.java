package dev.quern.bench;

import dev.quern.transformer.decode.Sampler;
import dev.quern.transformer.decode.SamplingOptions;
import dev.quern.transformer.decode.TokenHistory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
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
import org.openjdk.jmh.annotations.Warmup;

/**
 * The choice of a token from 128,256 logits. Normally distributed logits are harder than a model's,
 * of which few are likely: with a standard deviation of 3 top-p 0.95 keeps 11,000 of them, with 1
 * it keeps 95,000, which takes about twice as long.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class SamplingBench {
  private static final int VOCABULARY = 128_256;
  private static final int SETS = 16; // 8 MiB, so that a choice doesn't find its logits in L2

  /** Steps of the sampler. */
  public enum Chain {
    /** The likeliest token. */
    GREEDY,
    /** The likeliest token after penalties on the latest 64. */
    PENALTIES,
    /** Temperature alone: nothing is dropped. */
    TEMPERATURE,
    /** Temperature, top-k 40, top-p 0.95, min-p 0.05. */
    USUAL,
    /** The same after penalties on the latest 64. */
    USUAL_PENALTIES,
    /** Temperature and top-p 0.95. */
    TOP_P,
    /** Temperature and min-p 0.05. */
    MIN_P;

    SamplingOptions options() {
      SamplingOptions sampled = SamplingOptions.of(0.8, 7);
      return switch (this) {
        case GREEDY -> SamplingOptions.GREEDY;
        case PENALTIES -> SamplingOptions.GREEDY.withPenalties(1.1, 64, 0.1, 0.1);
        case TEMPERATURE -> sampled;
        case USUAL -> sampled.withCuts(40, 0.95, 0.05);
        case USUAL_PENALTIES -> sampled.withCuts(40, 0.95, 0.05).withPenalties(1.1, 64, 0.1, 0.1);
        case TOP_P -> sampled.withCuts(0, 0.95, 0);
        case MIN_P -> sampled.withCuts(0, 1, 0.05);
      };
    }
  }

  /** What is done. */
  @Param Chain chain = Chain.USUAL;

  /** Standard deviation of the logits. */
  @Param({"3", "1"})
  double spread = 3;

  private final MemorySegment[] logits = new MemorySegment[SETS];
  private final TokenHistory history = new TokenHistory();
  private Sampler sampler = Sampler.of(SamplingOptions.GREEDY);
  private int next;

  /** For JMH. */
  public SamplingBench() {}

  /** Makes the logits and a history of 100 tokens. */
  @Setup
  public void prepare() {
    Random random = new Random(1);
    for (int s = 0; s < SETS; s++) {
      logits[s] = Arena.ofAuto().allocate((long) VOCABULARY * Float.BYTES, 64);
      for (int i = 0; i < VOCABULARY; i++) {
        float x = (float) (spread * random.nextGaussian());
        logits[s].setAtIndex(ValueLayout.JAVA_FLOAT, i, x);
      }
    }
    for (int i = 0; i < 100; i++) {
      history.add(random.nextInt(VOCABULARY));
    }
    sampler = Sampler.of(chain.options());
  }

  /**
   * One choice.
   *
   * @return the token
   */
  @Benchmark
  public int choose() {
    next = (next + 1) % SETS;
    return sampler.sample(logits[next], history);
  }
}

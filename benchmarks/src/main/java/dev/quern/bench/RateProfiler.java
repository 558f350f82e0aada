package dev.quern.bench;

import dev.quern.core.engine.Ceilings;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.Ceiling;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.spi.TaskPool;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/**
 * Secondary results beside the time of an operation: GB/s of what it reads and writes at least, and
 * GFLOP/s of a product; with the option {@code ceilings} also their shares of what this machine can
 * do, which is measured first, in some seconds.
 *
 * <pre>{@code
 * java -jar benchmarks.jar MatVec -prof dev.quern.bench.RateProfiler:ceilings
 * }</pre>
 */
public final class RateProfiler implements InternalProfiler {
  private static final List<Ceiling> LIMITS =
      List.of(Ceiling.MEMORY_READ, Ceiling.F32_FMA, Ceiling.BF16_DOT, Ceiling.BF16_TILES);

  private static volatile long bytes;
  private static volatile long operations;

  private final boolean shares;
  private final Map<Ceiling, Double> limits = new EnumMap<>(Ceiling.class);

  /** Without shares; for JMH. */
  public RateProfiler() {
    this("");
  }

  /**
   * For JMH.
   *
   * @param options {@code ceilings} or nothing
   */
  public RateProfiler(String options) {
    if (!options.isEmpty() && !options.equals("ceilings")) {
      throw new IllegalArgumentException("the only option is ceilings, not " + options);
    }
    shares = !options.isEmpty();
  }

  /**
   * Says what one operation of the running benchmark does.
   *
   * @param moved bytes read and written at least
   * @param computed operations of a matrix product, else 0
   */
  static void work(long moved, long computed) {
    bytes = moved;
    operations = computed;
  }

  @Override
  public String getDescription() {
    return "GB/s and GFLOP/s, and their shares of what this machine can do";
  }

  @Override
  public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
    if (shares && limits.isEmpty()) {
      KernelRegistry kernels = KernelRegistry.load("cpu", new ReferenceProvider());
      int threads = TaskPool.shared().threads();
      try (Ceilings ceilings = Ceilings.open(kernels, threads)) {
        for (Ceiling c : LIMITS) {
          if (ceilings.measure(c, threads)
              instanceof Ceilings.Result.Measured(String _, double rate)) {
            limits.put(c, rate);
          }
        }
      }
    }
  }

  @Override
  public Collection<? extends Result<?>> afterIteration(
      BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
    double nanos = result.getPrimaryResult().getScore() * benchmark.getTimeUnit().toNanos(1);
    List<ScalarResult> results = new ArrayList<>();
    if (bytes > 0) {
      add(results, "read", "GB/s", bytes / nanos, Ceiling.MEMORY_READ);
    }
    if (operations > 0) {
      add(
          results,
          "arithmetic",
          "GFLOP/s",
          operations / nanos,
          Ceiling.F32_FMA,
          Ceiling.BF16_DOT,
          Ceiling.BF16_TILES);
    }
    return results;
  }

  private void add(
      List<ScalarResult> results, String name, String unit, double rate, Ceiling... ceilings) {
    results.add(new ScalarResult(name, rate, unit, AggregationPolicy.AVG));
    for (Ceiling c : ceilings) {
      Double limit = limits.get(c);
      if (limit != null) {
        results.add(
            new ScalarResult(name + " : " + c, 100 * rate / limit, "%", AggregationPolicy.AVG));
      }
    }
  }
}

package dev.quern.bench.gpu;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.Block;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.spi.Backend;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * What sections measure with.
 *
 * <p>A time is the median of some runs. Before each, 256 MB are overwritten, more than the device's
 * caches hold, so that operands come from memory; meanwhile the host hands the run over, so the
 * device never waits for it. An operation whose operands are smaller than that is recorded several
 * times in one plan, each on operands of its own: the time of a launch is shared, as in a model.
 */
final class Lab implements AutoCloseable {
  private static final long CACHES_BYTES = 256L << 20;
  private static final int MOST_SETS = 64;
  private static final int PROBES = 3;
  private static final double NANOS = 2.5e8; // of all runs of a measurement together
  private static final int LEAST_RUNS = 10;
  private static final int MOST_RUNS = 200;
  private static final String MATMUL = "quern.cuda.matmul";

  /** An operation to be measured. */
  interface Call {
    /**
     * Makes operands.
     *
     * @return what is computed of them, each a result of the plan; none if it writes to them
     */
    Supplier<List<Tensor>> on(Operands operands);
  }

  private final Function<Engine.Builder, Engine> open;
  private final boolean small;
  private final Report report;
  private final Patterns patterns = new Patterns();
  private final Engine engine;
  private final Block flushed;

  /**
   * A lab.
   *
   * @param open opens engines on the device
   * @param small whether sizes are only to show that everything runs
   * @param report gets the figures
   */
  Lab(Function<Engine.Builder, Engine> open, boolean small, Report report) {
    this.open = open;
    this.small = small;
    this.report = report;
    this.engine = open.apply(Engine.builder());
    this.flushed = Block.take(engine.home().memory(), size(CACHES_BYTES, 1 << 12));
  }

  /** Where figures go. */
  Report report() {
    return report;
  }

  /** What random elements are made of. */
  Patterns patterns() {
    return patterns;
  }

  /** Whether nothing but that everything runs is wanted. */
  boolean isSmall() {
    return small;
  }

  /** An extent: a real one, or one that is only to show that everything runs. */
  long size(long full, long tiny) {
    return small ? tiny : full;
  }

  /** {@link #size(long, long)} of a number of steps and the like. */
  int count(int full, int tiny) {
    return small ? tiny : full;
  }

  /** An engine with the settings that users get. */
  Engine engine() {
    return engine;
  }

  /** An engine with other settings. */
  Engine engine(Engine.Builder builder) {
    return open.apply(builder);
  }

  /**
   * An engine whose matrix products are computed by given kernels.
   *
   * @param products own, cublaslt or auto
   */
  Engine engineWith(String products) {
    String before = System.getProperty(MATMUL);
    System.setProperty(MATMUL, products);
    try {
      return open.apply(Engine.builder());
    } finally {
      if (before == null) {
        System.clearProperty(MATMUL);
      } else {
        System.setProperty(MATMUL, before);
      }
    }
  }

  /** Runs the code of a case; one that fails is reported and the others go on. */
  void attempt(Figure f, Runnable code) {
    try {
      code.run();
    } catch (RuntimeException e) {
      report.fail(f, e);
    }
  }

  /** Measures an operation and reports it. */
  void measure(Figure f, Call call) {
    attempt(f, () -> report.add(timed(f, engine, call)));
  }

  /**
   * Measures an operation.
   *
   * @param f what it is; without bytes, those of its operands and results are counted
   * @return the same with what was measured
   */
  Figure timed(Figure f, Engine on, Call call) {
    try (Operands operands = new Operands(on, patterns)) {
      List<Supplier<List<Tensor>>> sets = new ArrayList<>();
      sets.add(call.on(operands));
      int count = sets(operands.bytes());
      while (sets.size() < count) {
        sets.add(call.on(operands));
      }
      List<Tensor> results = new ArrayList<>();
      Plan recorded =
          on.record(
              f.name(),
              r -> {
                for (Supplier<List<Tensor>> set : sets) {
                  for (Tensor t : set.get()) {
                    r.output("y" + results.size(), t);
                    results.add(t);
                  }
                }
              });
      try (Plan plan = recorded) {
        long out = results.stream().mapToLong(t -> t.spec().byteSize()).sum();
        double bytes = f.bytes() > 0 ? f.bytes() : (operands.bytes() + out) / (double) count;
        return f.withBytes(bytes)
            .withKernels(String.join(", ", plan.kernels().stream().distinct().toList()))
            .withNanos(nanos(on.home(), plan::run) / count);
      }
    }
  }

  /** How many sets of operands are as large as what is overwritten before each run. */
  private int sets(long bytes) {
    return small ? 2 : Math.clamp(Math.ceilDiv(CACHES_BYTES, Math.max(1, bytes)), 1, MOST_SETS);
  }

  /** The median time of work that the device is given. */
  double nanos(Backend device, Runnable work) {
    Runnable flush = () -> device.zero(flushed.segment());
    double probe = median(device.time(PROBES, flush, work));
    int runs = small ? 2 : Math.clamp((long) (NANOS / Math.max(1, probe)), LEAST_RUNS, MOST_RUNS);
    return median(device.time(runs, flush, work));
  }

  static double median(double... values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int half = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }

  @Override
  public void close() {
    flushed.give();
    engine.close();
  }
}

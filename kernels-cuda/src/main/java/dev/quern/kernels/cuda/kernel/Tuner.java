package dev.quern.kernels.cuda.kernel;

import dev.quern.kernels.cuda.driver.CudaDriverException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.ToDoubleFunction;

/**
 * Chooses among calls that compute the same by running each of them, once for a shape, and
 * remembers the fastest. Of equally fast ones it takes the first.
 */
final class Tuner {
  private static final int MOST_SHAPES = 4096;

  private final ToDoubleFunction<Runnable> time;
  private final BooleanSupplier canMeasure;

  /** The name of the fastest by shape, without those that were asked for the longest time ago. */
  private final Map<Object, String> fastest =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Object, String> eldest) {
          return size() > MOST_SHAPES;
        }
      };

  /**
   * A tuner that knows nothing yet.
   *
   * @param time runs a call and says how long it took
   * @param canMeasure whether calls can be run now
   */
  Tuner(ToDoubleFunction<Runnable> time, BooleanSupplier canMeasure) {
    this.time = time;
    this.canMeasure = canMeasure;
  }

  /**
   * The fastest call. One thread at a time, so that measurements don't disturb each other. A call
   * that the driver, or a library, refuses is no candidate, unless all are refused.
   *
   * @param shape all that the time depends on
   * @param candidates at least one, the likely fastest first: what is taken if nothing can be
   *     measured now
   */
  synchronized NamedRunnable choose(Object shape, List<NamedRunnable> candidates) {
    NamedRunnable best = candidates.getFirst();
    if (candidates.size() == 1) {
      return best;
    }
    String known = fastest.get(shape);
    if (known != null) {
      for (NamedRunnable c : candidates) {
        if (c.name().equals(known)) {
          return c;
        }
      }
    }
    if (!canMeasure.getAsBoolean()) {
      return best;
    }
    double least = Double.POSITIVE_INFINITY;
    int refused = 0;
    for (NamedRunnable c : candidates) {
      try {
        double took = time.applyAsDouble(c);
        if (took < least) {
          least = took;
          best = c;
        }
      } catch (CudaDriverException e) {
        if (++refused == candidates.size()) {
          throw e;
        }
      }
    }
    fastest.put(shape, best.name());
    return best;
  }
}

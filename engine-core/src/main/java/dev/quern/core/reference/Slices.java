package dev.quern.core.reference;

import dev.quern.core.spi.TaskPool;

/** Work cut in slices whose size does not depend on the number of threads. */
final class Slices {
  /** How many elements a slice of elementwise work has. */
  static final int ELEMENTS = 4096;

  private Slices() {}

  /** The work of one slice. */
  @FunctionalInterface
  interface Body {
    void run(long from, long to);
  }

  static void over(TaskPool pool, long count, int size, Body body) {
    int slices = Math.toIntExact(Math.ceilDiv(count, (long) size));
    pool.parallelFor(
        slices, s -> body.run((long) s * size, Math.min(count, (long) (s + 1) * size)));
  }
}

package dev.quern.kernels.cpu;

import dev.quern.core.spi.TaskPool;

/**
 * A bound call that is cut in slices. It is its own {@link TaskPool.Task}, so that running it again
 * allocates nothing. How many slices there are follows from the shape, never from the threads.
 */
abstract class SlicedTask implements Runnable, TaskPool.Task {
  /** The threads. */
  final TaskPool pool;

  /** How many slices. */
  final int slices;

  SlicedTask(TaskPool pool, long slices) {
    this.pool = pool;
    this.slices = Math.toIntExact(slices);
  }

  @Override
  public void run() {
    pool.parallelFor(slices, this);
  }

  /** The number of slices for so many items when a slice should hold about {@code per} of them. */
  static int sliceCount(long items, long per) {
    return Math.clamp(Math.ceilDiv(items, Math.max(1, per)), 1, 1 << 16);
  }

  /** Where slice {@code i} of {@code n} begins among {@code items}. */
  static long sliceStart(long items, int n, int i) {
    long whole = items / n;
    return whole * i + Math.min(i, items % n);
  }
}

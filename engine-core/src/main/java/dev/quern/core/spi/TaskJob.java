package dev.quern.core.spi;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * One {@code parallelFor} under way; reused by its thread, so that a call allocates nothing.
 *
 * <p>{@code state} packs an epoch (upper half) and the number of unclaimed slices (lower half): a
 * worker that comes late, with the job already reused, fails its compare-and-set instead of
 * claiming a slice twice. The fields it reads after a successful claim can't change, because the
 * claimed slice keeps the job from finishing.
 *
 * <p>A claim is a slice more for its thread, not yet which: the job's thread begins with the first
 * slices, the others with the last, until they meet. So a thread finds in its core's cache what it
 * left there in the job before, if both are cut along the same rows.
 */
final class TaskJob {
  private static final TaskPool.Task NOTHING = _ -> {};
  private static final long EPOCH = 1L << 32;

  private final AtomicLong state = new AtomicLong();
  private final AtomicInteger pending = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> error = new AtomicReference<>();
  private final AtomicInteger end = new AtomicInteger();
  private volatile TaskPool.Task task = NOTHING;
  private boolean busy;
  private int begin;

  /** Only asked by the owning thread. */
  boolean isBusy() {
    return busy;
  }

  /**
   * Offers slices to whoever sees the job: once it has begun it must be run to its end, because a
   * worker that saw the job before may claim of it at once.
   */
  void start(int slices, TaskPool.Task work) {
    busy = true;
    task = work;
    begin = 0;
    end.set(slices);
    pending.set(slices);
    state.set((state.get() & -EPOCH) + EPOCH + slices);
  }

  /** Claims and runs one of the first slices, on the owning thread; false if none is left. */
  boolean runFirst() {
    return claim() && run(begin++);
  }

  /** Claims and runs one of the last slices; false if none is left. */
  boolean runLast() {
    return claim() && run(end.decrementAndGet());
  }

  private boolean run(int slice) {
    try {
      task.run(slice);
    } catch (Throwable t) {
      error.compareAndSet(null, t);
    } finally {
      pending.decrementAndGet();
    }
    return true;
  }

  private boolean claim() {
    long s = state.get();
    while ((int) s > 0) {
      if (state.compareAndSet(s, s - 1)) {
        return true;
      }
      s = state.get();
    }
    return false;
  }

  boolean isDone() {
    return pending.get() == 0;
  }

  void finish() {
    task = NOTHING;
    busy = false;
    Throwable t = error.getAndSet(null);
    switch (t) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException("a kernel slice failed", t);
    }
  }
}

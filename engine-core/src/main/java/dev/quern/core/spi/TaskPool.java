package dev.quern.core.spi;

import dev.quern.core.memory.KernelThread;
import dev.quern.core.type.Setting;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A fixed pool of platform threads that share out the slices of kernels.
 *
 * <p>{@link #parallelFor} may be called from any thread, virtual ones too, several at once; the
 * caller works along. A call from inside a slice runs inline. Idle threads spin briefly before they
 * park: between two kernels of a decode step there are microseconds, and waking a thread costs tens
 * of them. Meanwhile they fetch what {@link #whileIdle} names.
 *
 * <p>Results must not depend on the number of threads: cut the work by its shape, never by {@link
 * #threads()}.
 */
public final class TaskPool implements AutoCloseable {
  /** The work of one slice. */
  @FunctionalInterface
  public interface Task {
    /**
     * Computes a slice.
     *
     * @param slice 0 ≤ slice &lt; slices
     */
    void run(int slice);
  }

  private static final int MAX_CALLERS = 64;
  private static final long PARK_NANOS = 20_000;
  private static final int MOST_THREADS = 1 << 12;
  private static volatile @Nullable TaskPool shared;

  private final int idleSpins = (int) Setting.number("quern.threads.spins", 2_000, 0, 1 << 30);
  private final Worker[] workers;
  private final AtomicReferenceArray<TaskJob> jobs = new AtomicReferenceArray<>(MAX_CALLERS);
  private final ThreadLocal<TaskJob> own = ThreadLocal.withInitial(TaskJob::new);
  private volatile @Nullable ReadAhead ahead;
  private volatile boolean open = true;

  /**
   * A pool of its own.
   *
   * @param threads how many threads compute, the caller included; at least 1
   */
  public TaskPool(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException(
          "a pool needs at least 1 thread, got " + threads + "; set -Dquern.threads=N");
    }
    workers = new Worker[threads - 1];
    for (int i = 0; i < workers.length; i++) {
      workers[i] = new Worker();
      workers[i].thread = new KernelThread(workers[i], "quern-kernel-" + (i + 1));
      workers[i].thread.start();
    }
  }

  /**
   * The process's pool.
   *
   * @return a pool of {@code -Dquern.threads} threads, by default those of {@link Processors#here}
   * @throws dev.quern.core.type.SettingException if that is no number of threads
   */
  public static TaskPool shared() {
    TaskPool pool = shared;
    return pool == null ? open() : pool;
  }

  private static int chosenThreads() {
    OptionalInt asked = threadsAskedFor();
    return asked.isPresent() ? asked.getAsInt() : Processors.here().threads();
  }

  private static synchronized TaskPool open() {
    TaskPool pool = shared;
    if (pool == null) {
      pool = new TaskPool(chosenThreads());
      shared = pool;
    }
    return pool;
  }

  /**
   * What {@code -Dquern.threads} says.
   *
   * @return a number of threads; empty if it isn't set
   * @throws dev.quern.core.type.SettingException if that is no number of threads
   */
  public static OptionalInt threadsAskedFor() {
    int threads = (int) Setting.number("quern.threads", 0, 1, MOST_THREADS);
    return threads == 0 ? OptionalInt.empty() : OptionalInt.of(threads);
  }

  /**
   * How many threads compute, the caller included.
   *
   * @return at least 1
   */
  public int threads() {
    return workers.length + 1;
  }

  /**
   * Runs all slices and returns when they are done. The first error of a slice is thrown here; the
   * other slices still run.
   *
   * @param slices how many
   * @param task what each does
   */
  public void parallelFor(int slices, Task task) {
    if (slices <= 1 || workers.length == 0 || Thread.currentThread() instanceof KernelThread) {
      inline(slices, task);
      return;
    }
    TaskJob job = own.get();
    int slot = job.isBusy() ? -1 : publish(job, slices, task);
    if (slot < 0) {
      inline(slices, task);
      return;
    }
    wake(slices - 1);
    while (job.runFirst()) {
      // the caller works along
    }
    for (int spins = 0; !job.isDone(); ) {
      if (fetchAhead()) {
        continue;
      }
      if (spins++ < idleSpins) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(PARK_NANOS);
      }
    }
    jobs.set(slot, null);
    job.finish();
  }

  /**
   * What threads fetch while they wait, until another is named. A hint: with several callers the
   * latest counts.
   *
   * @param next what will be read soon
   */
  public void whileIdle(ReadAhead next) {
    if (workers.length > 0) {
      next.begin();
      ahead = next;
    }
  }

  /**
   * A hint that fails is dropped: to leave a job for its sake would leave slices that still run.
   */
  private boolean fetchAhead() {
    ReadAhead a = ahead;
    try {
      return a != null && a.fetch();
    } catch (Throwable t) {
      ahead = null;
      return false;
    }
  }

  private static void inline(int slices, Task task) {
    for (int i = 0; i < slices; i++) {
      task.run(i);
    }
  }

  /** The job's slot; −1, and nothing has begun, if all are taken. */
  private int publish(TaskJob job, int slices, Task task) {
    for (int i = 0; i < MAX_CALLERS; i++) {
      if (jobs.get(i) == null && jobs.compareAndSet(i, null, job)) {
        job.start(slices, task);
        return i;
      }
    }
    return -1;
  }

  private void wake(int wanted) {
    for (int i = 0; i < workers.length && i < wanted; i++) {
      if (workers[i].parked) {
        LockSupport.unpark(workers[i].thread);
      }
    }
  }

  private boolean runAny() {
    for (int i = 0; i < MAX_CALLERS; i++) {
      TaskJob job = jobs.get(i);
      if (job != null && job.runLast()) {
        return true;
      }
    }
    return false;
  }

  /** Stops the threads. Slices under way end first. */
  @Override
  public void close() {
    open = false;
    for (Worker w : workers) {
      LockSupport.unpark(w.thread);
    }
  }

  private final class Worker implements Runnable {
    private volatile boolean parked;
    private Thread thread = Thread.currentThread();

    @Override
    public void run() {
      int idle = 0;
      while (open) {
        if (runAny()) {
          idle = 0;
        } else if (!fetchAhead()) {
          idle = pause(idle);
        }
      }
    }

    /** Spins once, or parks after many times; how many times it has spun since. */
    private int pause(int spins) {
      if (spins < idleSpins) {
        Thread.onSpinWait();
        return spins + 1;
      }
      parked = true;
      if (!runAny() && open) {
        LockSupport.park(TaskPool.this);
      }
      parked = false;
      return 0;
    }
  }
}

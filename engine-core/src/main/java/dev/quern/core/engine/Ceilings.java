package dev.quern.core.engine;

import dev.quern.core.spi.Ceiling;
import dev.quern.core.spi.CeilingLoop;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Setting;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Measures what this machine can do at most, with the loops of the kernel providers: the best of
 * several runs of at least 20 ms. All eight take some seconds. Each thread reads memory of its own
 * ({@code -Dquern.ceilings.bytes}; by default 1 GiB, and 4 GiB in all at most), in large pages
 * where the system gives them.
 *
 * <p>For one thread. The numbers are those of a quiet machine only if it is quiet.
 */
public final class Ceilings implements AutoCloseable {
  private static final int RUNS = 5;
  private static final long LEAST_NANOS = 20_000_000;
  private static final long MOST_ROUNDS = 1L << 40;
  private static final long LARGE_PAGE = 2L << 20;
  private static final long MOST_BYTES = 1L << 30;
  private static final long MOST_BYTES_IN_ALL = 4L << 30;
  private static final byte FILL = 0x3c; // a small number in every format: F32, F16, BF16, INT8

  /** What came out. */
  public sealed interface Result {
    /**
     * It was measured.
     *
     * @param loop whose loop, in which instruction set
     * @param rate in {@link Ceiling#unit}
     */
    record Measured(String loop, double rate) implements Result {}

    /**
     * It wasn't.
     *
     * @param reason why not
     */
    record NotMeasured(String reason) implements Result {}
  }

  private static final Result NO_LOOP =
      new Result.NotMeasured("no kernel provider in use has a loop for it");

  private final KernelRegistry kernels;
  private final TaskPool pool;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment[] memory;
  private final long memoryBytes;

  private Ceilings(KernelRegistry kernels, int threads) {
    this.kernels = kernels;
    this.pool = new TaskPool(threads);
    this.memory = new MemorySegment[threads];
    Arrays.fill(memory, MemorySegment.NULL);
    long most = Math.min(MOST_BYTES, MOST_BYTES_IN_ALL / threads);
    this.memoryBytes =
        Setting.number("quern.ceilings.bytes", most, CeilingLoop.LEAST_BYTES, MOST_BYTES) & -64;
  }

  /**
   * Gets ready for measuring.
   *
   * @param kernels whose loops are taken
   * @param threads how many run at once, at most
   * @return to be closed, which gives the memory back
   * @throws dev.quern.core.type.SettingException if {@code quern.ceilings.bytes} is no such number
   */
  public static Ceilings open(KernelRegistry kernels, int threads) {
    return new Ceilings(kernels, threads);
  }

  /**
   * Measures a ceiling.
   *
   * @param ceiling which
   * @param threads how many run its loop at once, from 1 to what was opened
   * @return the rate of all these threads together
   */
  public Result measure(Ceiling ceiling, int threads) {
    CeilingLoop loop = kernels.ceiling(ceiling).orElse(null);
    if (loop == null) {
      return NO_LOOP;
    }
    long bytes = bytes(ceiling);
    try {
      prepare(loop, bytes);
    } catch (OutOfMemoryError e) {
      return new Result.NotMeasured(
          "no memory for buffers of %d MiB: %s".formatted(bytes >> 20, e.getMessage()));
    }
    MemorySegment[] parts = new MemorySegment[threads];
    Arrays.setAll(parts, i -> memory[i].asSlice(0, bytes));
    return rate(loop, parts);
  }

  /**
   * Measures reading of given memory, such as a mapped file, of which each thread reads its part.
   *
   * @param segment what is read
   * @param threads how many read at once, from 1 to what was opened
   * @return the rate of all these threads together
   */
  public Result measureReading(MemorySegment segment, int threads) {
    CeilingLoop loop = kernels.ceiling(Ceiling.MEMORY_READ).orElse(null);
    if (loop == null) {
      return NO_LOOP;
    }
    long part = segment.byteSize() / threads / CeilingLoop.LEAST_BYTES * CeilingLoop.LEAST_BYTES;
    if (part == 0) {
      return new Result.NotMeasured("%d bytes are too few".formatted(segment.byteSize()));
    }
    MemorySegment[] parts = new MemorySegment[threads];
    Arrays.setAll(parts, i -> segment.asSlice(i * part, part));
    return rate(loop, parts);
  }

  /**
   * Measures what a kernel pays that is shared out to several threads: to hand out a slice to each
   * of them and to wait for the last. The slices only wait until all have begun, so that no thread
   * takes two.
   *
   * @param threads from 2 to what was opened
   * @return microseconds
   */
  public Result measureForkJoin(int threads) {
    AtomicInteger begun = new AtomicInteger();
    TaskPool.Task meet =
        _ -> {
          int all = Math.ceilDiv(begun.incrementAndGet(), threads) * threads;
          while (begun.get() < all) {
            Thread.onSpinWait();
          }
        };
    double best = Double.POSITIVE_INFINITY;
    for (int run = 0; run < RUNS; run++) {
      begun.set(0);
      long start = System.nanoTime();
      long nanos;
      int forks = 0;
      do {
        pool.parallelFor(threads, meet);
        forks++;
        nanos = System.nanoTime() - start;
      } while (nanos < LEAST_NANOS);
      best = Math.min(best, nanos * 1e-3 / forks);
    }
    return new Result.Measured("task pool", best);
  }

  private long bytes(Ceiling ceiling) {
    return switch (ceiling) {
      case MEMORY_READ -> memoryBytes;
      case CACHE_READ ->
          Math.min(
              memoryBytes,
              Math.clamp(cacheBytes(3, 16L << 20) / 2 / memory.length, 4L << 20, 32L << 20));
      case BF16_TILES_CACHE, INT8_TILES_CACHE -> cacheBytes(2, 1L << 20) / 2;
      case F32_FMA, INT8_DOT, BF16_DOT, BF16_TILES, INT8_TILES -> CeilingLoop.LEAST_BYTES;
    };
  }

  /** The size of the first processor's cache of a level, as Linux tells it. */
  private static long cacheBytes(int level, long otherwise) {
    Path size = Path.of("/sys/devices/system/cpu/cpu0/cache/index" + level + "/size");
    try {
      String text = Files.readString(size).strip();
      return text.endsWith("K")
          ? Math.max(Long.parseLong(text.substring(0, text.length() - 1)) << 10, 64 << 10)
          : otherwise;
    } catch (IOException | NumberFormatException e) {
      return otherwise;
    }
  }

  /** Each thread's memory, first touched by one of the threads. */
  private void prepare(CeilingLoop loop, long bytes) {
    if (memory[0].byteSize() >= bytes) {
      return;
    }
    pool.parallelFor(
        memory.length,
        i -> {
          memory[i] = arena.allocate(Math.ceilDiv(bytes, LARGE_PAGE) * LARGE_PAGE, LARGE_PAGE);
          loop.prepare(memory[i]);
          memory[i].fill(FILL);
        });
  }

  private Result rate(CeilingLoop loop, MemorySegment... parts) {
    long[] work = new long[parts.length];
    long rounds = 1;
    double best = 0;
    for (int run = 0; run < RUNS; ) {
      long now = rounds;
      long start = System.nanoTime();
      pool.parallelFor(parts.length, i -> work[i] = loop.run(parts[i], now));
      long nanos = System.nanoTime() - start;
      if (nanos < LEAST_NANOS && rounds < MOST_ROUNDS) {
        rounds *= 2;
      } else {
        best = Math.max(best, (double) Arrays.stream(work).sum() / nanos);
        run++;
      }
    }
    return new Result.Measured(loop.name(), best);
  }

  /** Gives the memory back and stops the threads. */
  @Override
  public void close() {
    pool.close();
    arena.close();
  }
}

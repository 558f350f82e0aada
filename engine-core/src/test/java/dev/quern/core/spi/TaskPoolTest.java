package dev.quern.core.spi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.KernelThread;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TaskPoolTest {
  private static final long PATIENCE_NANOS = 300_000_000_000L;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void everySliceRunsExactlyOnce(int threads) {
    try (TaskPool pool = new TaskPool(threads)) {
      for (int slices : new int[] {0, 1, 2, 7, 100, 1000}) {
        for (int round = 0; round < 50; round++) {
          AtomicIntegerArray runs = new AtomicIntegerArray(slices);
          pool.parallelFor(slices, runs::incrementAndGet);
          for (int i = 0; i < slices; i++) {
            assertEquals(1, runs.get(i), "slice " + i + " of " + slices);
          }
        }
      }
    }
  }

  @Test
  void aJobReusedAtOnceNeverRunsASliceTwice() {
    try (TaskPool pool = new TaskPool(4)) {
      for (int round = 0; round < 20_000; round++) {
        LongAdder runs = new LongAdder();
        int slices = 2 + round % 5;
        pool.parallelFor(slices, _ -> runs.increment());
        assertEquals(slices, runs.sum());
      }
    }
  }

  /** While one thread is still in its slice, the other has nothing left but to fetch. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aThreadThatWaitsFetches(boolean callerWaits) {
    int most = 100;
    LongAdder fetched = new LongAdder();
    ReadAhead ahead =
        new ReadAhead() {
          @Override
          public void begin() {
            fetched.reset();
          }

          @Override
          public boolean fetch() {
            boolean more = fetched.sum() < most;
            fetched.add(more ? 1 : 0);
            return more;
          }
        };
    AtomicInteger begun = new AtomicInteger();
    AtomicBoolean named = new AtomicBoolean();
    try (TaskPool pool = new TaskPool(2)) {
      pool.parallelFor(
          2,
          _ -> {
            begun.incrementAndGet();
            while (begun.get() < 2) {
              Thread.onSpinWait(); // until each thread has a slice
            }
            boolean caller = !(Thread.currentThread() instanceof KernelThread);
            if (caller != callerWaits) {
              fetched.add(7);
              pool.whileIdle(ahead);
              named.set(true);
              long start = System.nanoTime();
              while (fetched.sum() < most && System.nanoTime() - start < PATIENCE_NANOS) {
                Thread.onSpinWait();
              }
            }
            while (!named.get()) {
              Thread.onSpinWait(); // a worker that parks first would not be woken
            }
          });
      assertEquals(most, fetched.sum());
    }
  }

  /** Neither the job nor a thread ends for a hint's sake. */
  @Test
  void aHintThatFailsIsDropped() {
    AtomicInteger fetches = new AtomicInteger();
    ReadAhead failing =
        new ReadAhead() {
          @Override
          public void begin() {}

          @Override
          public boolean fetch() {
            fetches.incrementAndGet();
            throw new StackOverflowError();
          }
        };
    LongAdder runs = new LongAdder();
    try (TaskPool pool = new TaskPool(2)) {
      for (int round = 0; round < 100; round++) {
        pool.whileIdle(failing);
        AtomicInteger begun = new AtomicInteger();
        pool.parallelFor(
            2,
            _ -> {
              begun.incrementAndGet();
              long start = System.nanoTime();
              while (begun.get() < 2 && System.nanoTime() - start < PATIENCE_NANOS) {
                Thread.onSpinWait(); // both threads are there, in each round
              }
              runs.add(begun.get());
            });
      }
    }
    assertEquals(400, runs.sum());
    assertTrue(fetches.get() > 0);
  }

  @Test
  void nestedCallsRunInline() {
    try (TaskPool pool = new TaskPool(3)) {
      LongAdder runs = new LongAdder();
      pool.parallelFor(10, _ -> pool.parallelFor(10, _ -> runs.increment()));
      assertEquals(100, runs.sum());
    }
  }

  @Test
  void severalCallersAtOnceVirtualOnesToo() throws Exception {
    try (TaskPool pool = new TaskPool(3);
        var callers = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Long>> sums = new ArrayList<>();
      for (int c = 0; c < 100; c++) {
        sums.add(
            callers.submit(
                () -> {
                  LongAdder sum = new LongAdder();
                  pool.parallelFor(50, sum::add);
                  return sum.sum();
                }));
      }
      for (Future<Long> s : sums) {
        assertEquals(50 * 49 / 2, s.get());
      }
    }
  }

  @Test
  void moreCallersThanThereIsRoomForRunEachSliceOnce() throws Exception {
    int callers = 100; // more than there are slots
    try (TaskPool pool = new TaskPool(3);
        var threads = Executors.newFixedThreadPool(callers)) {
      CountDownLatch all = new CountDownLatch(callers);
      List<Future<AtomicIntegerArray>> runs = new ArrayList<>();
      for (int c = 0; c < callers; c++) {
        runs.add(
            threads.submit(
                () -> {
                  AtomicIntegerArray times = new AtomicIntegerArray(4);
                  pool.parallelFor(
                      4,
                      slice -> {
                        if (times.getAndIncrement(slice) == 0 && slice == 0) {
                          all.countDown(); // the caller's first: all calls are under way together
                          await(all);
                        }
                      });
                  return times;
                }));
      }
      for (Future<AtomicIntegerArray> r : runs) {
        assertEquals("[1, 1, 1, 1]", r.get().toString());
      }
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void theFirstErrorReachesTheCallerAndThePoolGoesOn() {
    try (TaskPool pool = new TaskPool(2)) {
      IllegalStateException e =
          assertThrows(
              IllegalStateException.class,
              () ->
                  pool.parallelFor(
                      8,
                      i -> {
                        if (i == 3) {
                          throw new IllegalStateException("slice 3");
                        }
                      }));
      assertEquals("slice 3", e.getMessage());
      LongAdder runs = new LongAdder();
      pool.parallelFor(8, _ -> runs.increment());
      assertEquals(8, runs.sum());
    }
  }

  @Test
  void aPoolNeedsAThread() {
    assertThrows(IllegalArgumentException.class, () -> new TaskPool(0));
  }
}

package dev.quern.core.spi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TaskPoolTest {
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

  /** One thread runs the only long slice; the other has nothing left but to fetch. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aThreadThatWaitsFetches(int longSlice) {
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
    try (TaskPool pool = new TaskPool(2)) {
      fetched.add(7);
      pool.whileIdle(ahead);
      pool.parallelFor(
          2,
          slice -> {
            while (slice == longSlice && fetched.sum() < most) {
              Thread.onSpinWait();
            }
          });
      assertEquals(most, fetched.sum());
    }
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

package dev.quern.core.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class SegmentPoolTest {
  private static final long MINUTE = 60_000_000_000L;
  private static final long SIZE = 1L << 20;

  private final AtomicLong now = new AtomicLong(-5);
  private final SegmentPool pool = new SegmentPool(1L << 30, now::get);

  private void takeAndGive(int count) {
    List<MemorySegment> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      all.add(pool.take(SIZE));
    }
    all.forEach(pool::give);
  }

  @Test
  void trimmingDropsAllAndThePoolGoesOn() {
    takeAndGive(3);
    pool.give(pool.take(100));
    assertEquals(3 * SIZE + 128, pool.cachedBytes());
    assertEquals(3 * SIZE + 128, pool.trim());
    assertEquals(0, pool.cachedBytes());
    assertEquals(0, pool.trim());
    takeAndGive(2);
    assertEquals(2 * SIZE, pool.cachedBytes());
  }

  @Test
  void whatIsNotReusedIsLetGo() {
    takeAndGive(10);
    MemorySegment other = pool.take(3 * SIZE);
    for (int second = 1; second <= 59; second++) {
      now.set(second * (MINUTE / 60));
      takeAndGive(2);
    }
    assertEquals(10 * SIZE, pool.cachedBytes());
    now.addAndGet(MINUTE); // the first sweep looks back on a time before the ten were there
    takeAndGive(2);
    assertEquals(10 * SIZE, pool.cachedBytes());
    now.addAndGet(MINUTE); // since then two at a time were used, so eight were not
    takeAndGive(2);
    assertEquals(2 * SIZE, pool.cachedBytes());
    pool.give(other);
    now.addAndGet(MINUTE);
    takeAndGive(1);
    now.addAndGet(MINUTE);
    takeAndGive(1); // of the two one was not used, and of the other size none
    assertEquals(SIZE, pool.cachedBytes());
  }

  @Test
  void whatIsInSteadyUseStays() {
    takeAndGive(4);
    List<Long> addresses = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      now.addAndGet(MINUTE);
      takeAndGive(4);
      MemorySegment s = pool.take(SIZE);
      addresses.add(s.address());
      pool.give(s);
    }
    assertEquals(4 * SIZE, pool.cachedBytes());
    assertTrue(addresses.stream().distinct().count() <= 4, addresses.toString());
  }

  @Test
  void whatComesBackBeyondTheCapacityIsDropped() {
    SegmentPool small = new SegmentPool(SIZE);
    MemorySegment a = small.take(SIZE);
    MemorySegment b = small.take(SIZE);
    small.give(a);
    small.give(b);
    assertEquals(SIZE, small.cachedBytes());
    assertEquals(a.address(), small.take(SIZE).address());
    assertNotEquals(b.address(), a.address());
    assertTrue(small.take(SIZE).byteSize() >= SIZE);
  }
}

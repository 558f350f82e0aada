package dev.quern.core.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.Device;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class LifetimeTest {
  private static final TensorSpec SPEC = TensorSpec.of(ScalarType.F32, 2, 3);

  @Test
  void closingFreesAtOnceWhenNobodyUsesIt() {
    Lifetime l = new Lifetime("x");
    AtomicInteger freed = new AtomicInteger();
    assertTrue(l.close(freed::incrementAndGet));
    assertEquals(1, freed.get());
    assertFalse(l.close(freed::incrementAndGet));
    assertEquals(1, freed.get());
  }

  @Test
  void closingRefusesNewUsesAndFreesAfterTheLast() {
    Lifetime l = new Lifetime("x");
    AtomicInteger freed = new AtomicInteger();
    l.acquire(SPEC);
    l.acquire(SPEC);
    assertTrue(l.close(freed::incrementAndGet));
    assertThrows(ScopeClosedException.class, () -> l.acquire(SPEC));
    assertTrue(l.isInUse());
    l.release();
    assertEquals(0, freed.get());
    l.release();
    assertEquals(1, freed.get());
    assertFalse(l.isInUse());
    assertThrows(ScopeClosedException.class, () -> l.acquire(SPEC));
  }

  @Test
  void usesReleaseAllTheyAcquiredEvenWhenOneIsRefused() {
    List<Lifetime> owners = List.of(new Lifetime("a"), new Lifetime("b"), new Lifetime("c"));
    Uses uses = new Uses(1);
    for (int round = 0; round < 2; round++) {
      for (Lifetime l : owners) {
        uses.acquire(storage(l));
        uses.acquire(storage(l));
      }
      owners.forEach(l -> assertTrue(l.isInUse()));
      uses.release();
      owners.forEach(l -> assertFalse(l.isInUse()));
    }
    owners.get(1).close();
    uses.acquire(storage(owners.get(0)));
    assertThrows(ScopeClosedException.class, () -> uses.acquire(storage(owners.get(1))));
    uses.release();
    assertFalse(owners.get(0).isInUse());
  }

  private static Storage storage(Lifetime l) {
    return new Storage(
        java.lang.foreign.MemorySegment.NULL,
        TensorSpec.of(ScalarType.F32, 0),
        Device.CPU,
        l,
        false);
  }

  /** Frees exactly once, and never while somebody is between acquire and release. */
  @Test
  void racingUsesAndCloses() throws Exception {
    int threads = 4;
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      for (int round = 0; round < 500; round++) {
        Lifetime l = new Lifetime("race");
        AtomicInteger freed = new AtomicInteger();
        AtomicBoolean early = new AtomicBoolean();
        CyclicBarrier start = new CyclicBarrier(threads);
        List<Future<?>> all = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
          boolean closes = t < 2;
          all.add(
              pool.submit(
                  () -> {
                    start.await();
                    for (int i = 0; i < 50; i++) {
                      if (closes && i == 20) {
                        l.close(freed::incrementAndGet);
                      }
                      try {
                        l.acquire(SPEC);
                      } catch (ScopeClosedException e) {
                        continue;
                      }
                      early.compareAndSet(false, freed.get() > 0);
                      l.release();
                    }
                    return null;
                  }));
        }
        for (Future<?> f : all) {
          f.get();
        }
        assertFalse(early.get());
        assertEquals(1, freed.get());
      }
    }
  }
}

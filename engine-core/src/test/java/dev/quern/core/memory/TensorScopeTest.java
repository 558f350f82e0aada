package dev.quern.core.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class TensorScopeTest {
  private static final TensorSpec SPEC = TensorSpec.of(ScalarType.F32, 2, 3);

  private record Holder(Storage storage) implements Stored {}

  @Test
  void useAfterCloseNamesTensorAndScope() {
    Storage s;
    try (TensorScope _ = TensorScope.open("step")) {
      s = TensorScope.allocate(SPEC);
      s.segment();
    }
    ScopeClosedException e = assertThrows(ScopeClosedException.class, s::segment);
    assertTrue(e.getMessage().contains("[2, 3] F32"), e.getMessage());
    assertTrue(e.getMessage().contains("scope 'step'"), e.getMessage());
  }

  @Test
  void promotionMovesOneScopeOutwards() {
    Storage kept;
    try (TensorScope outer = TensorScope.open("outer")) {
      try (TensorScope inner = TensorScope.open("inner")) {
        kept = TensorScope.allocate(SPEC);
        inner.promote(new Holder(kept));
      }
      kept.segment();
      assertEquals(1, outer.size());
    }
    assertThrows(ScopeClosedException.class, kept::segment);
  }

  @Test
  void promotionFromTheOutermostScopeGoesToAutomaticMemory() {
    Storage kept;
    try (TensorScope scope = TensorScope.open()) {
      kept = scope.promote(new Holder(TensorScope.allocate(SPEC))).storage();
    }
    assertEquals("automatic memory", kept.lifetime().owner());
    kept.segment();
  }

  @Test
  void closingRecyclesMemory() {
    long before = 0;
    for (int i = 0; i < 200; i++) {
      try (TensorScope _ = TensorScope.open()) {
        TensorScope.allocate(TensorSpec.of(ScalarType.F32, 100_000));
      }
      if (i == 0) {
        before = SegmentPool.shared().cachedBytes();
      }
    }
    assertEquals(before, SegmentPool.shared().cachedBytes());
  }

  @Test
  @SuppressWarnings("try") // closing at the wrong moment is what is tested
  void closingTwiceOutOfOrderOrElsewhereIsAnError() throws Exception {
    TensorScope twice = TensorScope.open("twice");
    twice.close();
    assertThrows(ScopeClosedException.class, twice::close);

    TensorScope outer = TensorScope.open("outer");
    TensorScope inner = TensorScope.open("inner");
    ScopeClosedException e = assertThrows(ScopeClosedException.class, outer::close);
    assertTrue(e.getMessage().contains("inner"), e.getMessage());
    assertThrows(ScopeClosedException.class, inner::close);

    try (TensorScope here = TensorScope.open("here")) {
      List<Throwable> thrown = new ArrayList<>();
      Thread t =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      here.close();
                    } catch (ScopeClosedException x) {
                      thrown.add(x);
                    }
                  });
      t.join();
      assertEquals(1, thrown.size());
    }
    assertEquals("automatic memory", TensorScope.allocate(SPEC).lifetime().owner());
  }

  @Test
  void kernelThreadsCantAllocate() throws Exception {
    CompletableFuture<Throwable> thrown = new CompletableFuture<>();
    KernelThread t =
        new KernelThread(
            () -> {
              try {
                TensorScope.allocate(SPEC);
                thrown.complete(new AssertionError("allocated"));
              } catch (IllegalStateException e) {
                thrown.complete(e);
              }
            },
            "kernel");
    t.start();
    assertEquals(IllegalStateException.class, thrown.get().getClass());
  }

  @Test
  void sizeClassesWasteAtMostAQuarter() {
    for (long n = 1; n < 1L << 40; n = n * 5 / 4 + 1) {
      long size = SegmentPool.sizeClass(n);
      assertTrue(size >= n && size % 64 == 0, n + " -> " + size);
      assertTrue(n <= 256 || size <= n * 5 / 4 + 64, n + " -> " + size);
    }
  }
}

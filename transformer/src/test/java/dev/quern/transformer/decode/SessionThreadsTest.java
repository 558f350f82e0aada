package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * A session that another thread closes or uses during a call, and the check of the model's file.
 */
class SessionThreadsTest {
  private Engine engine;
  private CausalLanguageModel model;

  @BeforeEach
  void open() {
    engine = Engines.of("reference", Precision.EXACT);
    model = Models.openCausal(Golden.of("llama/llama-F32.gguf"), ModelOptions.of(engine));
  }

  @AfterEach
  void close() {
    model.close();
    engine.close();
  }

  private Session session(ModelFile file) {
    return Session.open(engine, model.decoder(), SessionOptions.of(1, 64), file);
  }

  private static void await(CountDownLatch latch) {
    try {
      assertTrue(latch.await(30, TimeUnit.SECONDS));
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** The file check is a place in the middle of a call at which a test can wait. */
  @Test
  void closingDuringAnotherThreadsPrefillLetsItCompleteAndThenFrees() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    Session s =
        session(
            () -> {
              inside.countDown();
              await(goOn);
            });
    CompletableFuture<float[]> logits =
        CompletableFuture.supplyAsync(() -> s.prefill(0, 1, 2, 3), Thread::startVirtualThread);
    await(inside);
    assertThrows(QuernException.class, () -> s.step(1));
    s.close();
    assertThrows(ScopeClosedException.class, s::close);
    assertEquals(0, s.cache().length(0)); // not freed yet
    goOn.countDown();
    float[] expected;
    try (Session other = model.openSession(1, 64)) {
      expected = other.prefill(0, 1, 2, 3);
    }
    assertArrayEquals(expected, logits.get());
    assertThrows(ScopeClosedException.class, () -> s.cache().length(0));
    assertThrows(ScopeClosedException.class, () -> s.step(1));
  }

  @Test
  void closingDuringAnotherThreadsSteps() throws Exception {
    float[][] expected = new float[40][];
    try (Session s = model.openSession(1, 64)) {
      for (int i = 0; i < expected.length; i++) {
        expected[i] = s.step(i)[0];
      }
    }
    for (int round = 0; round < 20; round++) {
      Session s = session(() -> {});
      Plan plan = s.plan();
      CountDownLatch begun = new CountDownLatch(3 + round % 4);
      CompletableFuture<Integer> steps =
          CompletableFuture.supplyAsync(
              () -> {
                for (int i = 0; i < expected.length; i++) {
                  try {
                    assertArrayEquals(expected[i], s.step(i)[0]);
                  } catch (ScopeClosedException e) {
                    return i;
                  }
                  begun.countDown();
                }
                return expected.length;
              },
              Thread::startVirtualThread);
      await(begun);
      s.close();
      try (Session other = model.openSession(1, 64)) {
        other.prefill(0, 9, 9, 9, 9); // writes over what was recycled
      }
      assertTrue(steps.get() >= 3);
      assertThrows(ScopeClosedException.class, plan::run);
    }
  }

  @Test
  void closingTheCacheAloneDuringStepsIsRefusedAtTheNext() throws Exception {
    Session s = session(() -> {});
    CountDownLatch begun = new CountDownLatch(2);
    CompletableFuture<Integer> steps =
        CompletableFuture.supplyAsync(
            () -> {
              for (int i = 0; i < 60; i++) {
                try {
                  s.step(i);
                } catch (ScopeClosedException e) {
                  assertTrue(
                      e.getMessage().contains("KV cache") || e.getMessage().contains("kvCache"));
                  return i;
                }
                begun.countDown();
              }
              return 60;
            },
            Thread::startVirtualThread);
    await(begun);
    s.cache().close();
    assertTrue(steps.get() < 60);
    assertThrows(ScopeClosedException.class, s::close); // its cache was closed twice
  }

  @Test
  void stepsAskForTheFileNowAndThen() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    CountDownLatch cut = new CountDownLatch(1);
    try (Session s =
        session(
            () -> {
              asked.incrementAndGet();
              if (cut.getCount() == 0) {
                throw new FormatException("the file shrank");
              }
            })) {
      long begin = System.nanoTime();
      for (int i = 0; i < 50; i++) {
        s.step(i);
      }
      long most = 1 + (System.nanoTime() - begin) / 10_000_000;
      assertTrue(asked.get() >= 1 && asked.get() <= most, asked + " times, at most " + most);
      cut.countDown();
      Thread.sleep(15);
      assertThrows(FormatException.class, () -> s.step(1));
      assertEquals(50, s.cache().length(0));
    }
  }
}

package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.quern.core.engine.Engine;
import dev.quern.core.type.Precision;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.Random;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A step that returns a token allocates nothing once its code is compiled: no byte, on the calling
 * thread and on those of the pool. Compiling takes time and steps, so many blocks of steps are
 * tried until one is clean; what always allocates never is.
 *
 * <p>With native kernels: those of the Vector API allocate nothing either once C2 sees through all
 * their vectors, but that is C2's to decide, differently in each process. A benchmark shows it.
 */
class StepAllocationTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** Bytes that this thread and all pools' threads have allocated so far. */
  private static long allocated() {
    long sum = THREADS.getCurrentThreadAllocatedBytes();
    Thread[] all = new Thread[Thread.activeCount() + 64];
    int count = Thread.enumerate(all);
    for (int i = 0; i < count; i++) {
      if (all[i].getName().startsWith("quern-kernel-")) {
        sum += Math.max(0, THREADS.getThreadAllocatedBytes(all[i].threadId()));
      }
    }
    return sum;
  }

  /** Repeats a step, from a first token on, until a block of repetitions allocated nothing. */
  private static void becomesClean(int blocks, int steps, IntUnaryOperator step) {
    long measuring = -allocated() + allocated();
    long least = Long.MAX_VALUE;
    int token = 1;
    for (int block = 0; block < blocks && least > 0; block++) {
      long before = allocated();
      for (int i = 0; i < steps; i++) {
        token = step.applyAsInt(token);
      }
      least = Math.min(least, allocated() - before - measuring);
    }
    assertTrue(least <= 0, least + " bytes in the best block of " + steps + " steps");
  }

  @ParameterizedTest
  @CsvSource({"llama-F32.gguf", "llama-Q8_0.gguf", "llama-Q4_K.gguf"})
  void aGreedyStep(String file) {
    try (Engine engine = Engines.of("native", Precision.AUTO);
        CausalLanguageModel model =
            Models.openCausal(Golden.of("llama/" + file), ModelOptions.of(engine));
        Session s = model.openSession(1, 64)) {
      TokenChooser greedy = TokenChooser.greedy();
      becomesClean(
          100,
          500,
          token -> {
            if (s.cache().length(0) == 64) {
              s.cache().truncate(0, 1);
            }
            return s.step(token, greedy);
          });
    }
  }

  /** Between the ends of pages, which is where memory is taken. */
  @Test
  void aStepInPages() {
    try (Engine engine = Engines.of("native", Precision.AUTO);
        CausalLanguageModel model =
            Models.openCausal(Golden.of("llama/llama-Q8_0.gguf"), ModelOptions.of(engine));
        PagePool pool = model.openPagePool(4, 32);
        Session s = model.openSession(SessionOptions.of(3, 64).withPages(pool))) {
      TokenChooser greedy = TokenChooser.greedy();
      int[] tokens = {1, 2, Session.IDLE};
      becomesClean(
          100,
          500,
          _ -> {
            if (s.cache().length(0) == 64) {
              s.cache().rewind(0, 1);
              s.cache().rewind(1, 1);
            }
            s.step(tokens, tokens, greedy);
            return tokens[0];
          });
      assertTrue(pool.used() == 4 && pool.free() == 0);
    }
  }

  @Test
  void aSampledStepOfABatch() {
    try (Engine engine = Engines.of("native", Precision.AUTO);
        CausalLanguageModel model =
            Models.openCausal(Golden.of("llama/llama-F32.gguf"), ModelOptions.of(engine));
        Session s = model.openSession(2, 64)) {
      Sampler sampler = Sampler.of(SamplingOptions.of(0.8, 5).withCuts(40, 0.95, 0.05));
      TokenHistory none = new TokenHistory();
      TokenChooser chooser = (_, logits) -> sampler.sample(logits, none);
      int[] tokens = {1, 2};
      becomesClean(
          100,
          500,
          _ -> {
            if (s.cache().length(0) == 64) {
              s.cache().truncate(0, 1);
              s.cache().truncate(1, 1);
            }
            s.step(tokens, tokens, chooser);
            return tokens[0];
          });
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 0, 1, 0", "1, 40, 0.95, 0.05", "1, 0, 0.95, 0", "0.7, 0, 1, 0.1", "1, 0, 1, 0"})
  void aSamplerOfALargeVocabulary(double temperature, int topK, double topP, double minP) {
    float[] logits = SamplerOrderTest.gaussian(128_256, 3, new Random(7));
    MemorySegment memory = MemorySegment.ofArray(logits);
    Sampler sampler =
        Sampler.of(
            SamplingOptions.of(temperature, 3)
                .withCuts(topK, topP, minP)
                .withPenalties(1.1, 64, 0.1, 0.2)
                .withBias(Map.of(17, -5.0)));
    TokenHistory history = new TokenHistory(5, 6, 5, 7);
    becomesClean(
        100,
        50,
        _ -> {
          int id = sampler.sample(memory, history);
          if (history.size() < 100) {
            history.add(id);
          }
          return id;
        });
  }

  @Test
  void anObjectPerStepIsNoticed() {
    Object[] kept = new Object[1];
    assertThrows(
        AssertionError.class,
        () ->
            becomesClean(
                3,
                500,
                _ -> {
                  kept[0] = new Object();
                  return 0;
                }));
  }
}

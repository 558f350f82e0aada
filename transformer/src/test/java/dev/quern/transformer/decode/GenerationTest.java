package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.Precision;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.tokenizer.EncodeOptions;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The golden model says: "The quern| stands by the door. One stone lies still, and one stone
 * turns."
 */
class GenerationTest {
  private static final String WHOLE =
      " stands by the door. One stone lies still, and one stone turns.";
  private static Engine engine;
  private static CausalLanguageModel model;
  private static int[] prompt;

  @BeforeAll
  static void open() {
    engine = Engines.of("reference", Precision.EXACT);
    model = Models.openCausal(Golden.of("llama/llama-F32.gguf"), ModelOptions.of(engine));
    prompt = model.tokenizer().encode("The quern", EncodeOptions.ADD_SPECIAL);
  }

  @AfterAll
  static void close() {
    model.close();
    engine.close();
  }

  private static Generation run(Session session, GenerationOptions options) {
    Generation g = new Generation(session, model.tokenizer(), prompt, options);
    StringBuilder parts = new StringBuilder();
    String text = g.run(t -> parts.append(t.text()));
    assertEquals(text, parts.toString());
    assertFalse(g.hasNext());
    assertThrows(NoSuchElementException.class, g::next);
    return g;
  }

  private static Generation run(GenerationOptions options) {
    try (Session s = model.openSession(1, 100)) {
      return run(s, options);
    }
  }

  @Test
  void theModelsEndTokenEndsIt() {
    Generation g = run(GenerationOptions.greedy(90));
    assertEquals(WHOLE, g.text());
    assertEquals(FinishReason.STOP, g.finishReason());
    assertEquals(2, g.tokens()[g.tokens().length - 1]);
    assertEquals(prompt.length, g.promptTokens());
    Generation on = run(GenerationOptions.greedy(60).ignoringEnd());
    assertEquals(60, on.tokens().length);
    assertEquals(FinishReason.LENGTH, on.finishReason());
    assertTrue(on.text().startsWith(WHOLE));
  }

  @Test
  void aStopStringOverTokensIsCutOut() {
    Generation g = run(GenerationOptions.greedy(90).withStopStrings("lies st", "nothing"));
    assertEquals(" stands by the door. One stone ", g.text());
    assertEquals(FinishReason.STOP, g.finishReason());
    // What only looked like a stop string comes out after all.
    assertEquals(WHOLE, run(GenerationOptions.greedy(90).withStopStrings("turns!")).text());
    assertEquals(WHOLE, run(GenerationOptions.greedy(90).withStopStrings(". Two")).text());
    assertEquals("", run(GenerationOptions.greedy(90).withStopStrings(" ")).text());
  }

  @Test
  void aPrefillRecordsNoPlanForSteps() {
    try (Session s = model.openSession(1, 100)) {
      assertEquals(Set.of(), s.prefillProviders());
      s.prefill(0, prompt);
      assertFalse(s.prefillProviders().isEmpty());
      assertEquals(0, s.recordings());
    }
  }

  @Test
  void stopTokensEndIt() {
    int[] tokens = run(GenerationOptions.greedy(90)).tokens();
    int stop = tokens[5];
    int first = 0;
    while (tokens[first] != stop) {
      first++;
    }
    Generation g = run(GenerationOptions.greedy(90).withStopTokens(stop));
    assertArrayEquals(Arrays.copyOf(tokens, first + 1), g.tokens());
    assertEquals(FinishReason.STOP, g.finishReason());
    assertTrue(WHOLE.startsWith(g.text()));
  }

  @Test
  void maxTokensAndTheContextEndIt() {
    Generation g = run(GenerationOptions.greedy(7));
    assertEquals(7, g.tokens().length);
    assertEquals(FinishReason.LENGTH, g.finishReason());
    try (Session s = model.openSession(1, prompt.length + 3)) {
      // The last token needs no room: its own row is never read.
      assertEquals(4, run(s, GenerationOptions.greedy(90)).tokens().length);
    }
    try (Session s = model.openSession(1, prompt.length - 1)) {
      assertThrows(
          ContextLengthException.class,
          () -> new Generation(s, model.tokenizer(), prompt, GenerationOptions.greedy(1)));
    }
  }

  @Test
  void cancellingEndsIt() {
    try (Session s = model.openSession(1, 100)) {
      Generation g = new Generation(s, model.tokenizer(), prompt, GenerationOptions.greedy(90));
      g.next();
      g.next();
      g.cancel();
      assertFalse(g.hasNext());
      assertEquals(FinishReason.CANCELLED, g.finishReason());
      assertEquals(2, g.tokens().length);
      assertTrue(WHOLE.startsWith(g.text()));
    }
  }

  @Test
  void logProbabilitiesComeWithEachToken() {
    try (Session s = model.openSession(1, 100)) {
      Generation g =
          new Generation(
              s,
              model.tokenizer(),
              prompt,
              GenerationOptions.greedy(10).withTopLogProbabilities(3));
      double last = 0;
      while (g.hasNext()) {
        GeneratedToken t = g.next();
        List<LogProbabilities.Entry> top = t.logProbabilities().top();
        assertEquals(3, top.size());
        assertEquals(t.id(), top.getFirst().id());
        assertEquals(t.logProbabilities().chosen(), top.getFirst().logProbability());
        assertTrue(top.get(0).logProbability() >= top.get(1).logProbability());
        last = Math.max(last, -t.logProbabilities().chosen());
      }
      assertTrue(last > 0 && last < 0.7, "a model that knows its text by heart is sure: " + last);
    }
  }

  @Test
  void logProbabilitiesAreLeftOutUnlessAskedFor() {
    try (Session s = model.openSession(1, 100)) {
      Generation g = new Generation(s, model.tokenizer(), prompt, GenerationOptions.greedy(3));
      assertNull(g.next().logProbabilities());
    }
  }

  @Test
  void aSeedRepeatsAText() {
    SamplingOptions warm = SamplingOptions.of(3, 21);
    GenerationOptions options = GenerationOptions.of(30, warm).ignoringEnd();
    int[] a = run(options).tokens();
    assertArrayEquals(a, run(options).tokens());
    int[] b = run(GenerationOptions.of(30, SamplingOptions.of(3, 22)).ignoringEnd()).tokens();
    assertFalse(Arrays.equals(a, b));
    assertFalse(Arrays.equals(a, run(GenerationOptions.greedy(30).ignoringEnd()).tokens()));
  }

  @Test
  void repetitionPenaltyChangesTheText() {
    Generation g =
        run(
            GenerationOptions.of(40, SamplingOptions.GREEDY.withPenalties(50, 0, 0, 0))
                .ignoringEnd());
    long distinct = Arrays.stream(g.tokens()).distinct().count();
    assertEquals(g.tokens().length, distinct);
  }

  @Test
  void textGoesOnInTheSameSession() {
    try (Session s = model.openSession(1, 100)) {
      int[] tokens = run(s, GenerationOptions.greedy(5)).tokens();
      // The fifth token was chosen and not yet computed.
      int[] more = {tokens[4]};
      Generation g = new Generation(s, model.tokenizer(), more, GenerationOptions.greedy(90));
      g.run(_ -> {});
      int[] whole = run(GenerationOptions.greedy(90)).tokens();
      assertArrayEquals(Arrays.copyOfRange(whole, 5, whole.length), g.tokens());
    }
  }

  @Test
  void optionsOutOfRangeAreNamed() {
    GenerationOptions o = GenerationOptions.greedy(1);
    refused("maxTokens", () -> GenerationOptions.greedy(0));
    refused("stopStrings", () -> o.withStopStrings("a", ""));
    refused("topLogProbabilities", () -> o.withTopLogProbabilities(-1));
    assertEquals(Set.of(3, 4), o.withStopTokens(3, 4).stopTokens());
  }

  private static void refused(String name, Runnable what) {
    var e = assertThrows(IllegalArgumentException.class, what::run);
    assertTrue(e.getMessage().contains("'" + name + "'"), e.getMessage());
  }
}

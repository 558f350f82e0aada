package dev.quern.transformer.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ShapeException;
import dev.quern.kernels.cuda.kernel.EmulatedDevice;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.decode.ContextLengthException;
import dev.quern.transformer.decode.Sampler;
import dev.quern.transformer.decode.SamplingOptions;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.decode.TokenHistory;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Tokens that operations choose, step after step, against choosing each on the host. */
class DecodeLoopTest {
  private static final int[] PROMPT = {1, 40, 41, 42};
  private static final int STEPS = 40; // more than one round of the loop

  static Stream<SamplingOptions> chains() {
    SamplingOptions warm = SamplingOptions.of(0.8, 7);
    return Stream.of(
        SamplingOptions.GREEDY,
        warm,
        warm.withCuts(5, 1, 0),
        warm.withCuts(0, 0.7, 0),
        warm.withCuts(0, 1, 0.2),
        SamplingOptions.of(1.5, 11).withCuts(40, 0.9, 0.05),
        SamplingOptions.GREEDY.withBias(Map.of(3, 4.0, 7, Double.NEGATIVE_INFINITY, 90, 5.5)),
        SamplingOptions.GREEDY.withPenalties(1.3, 0, 0, 0),
        SamplingOptions.GREEDY.withPenalties(1.3, 5, 0, 0),
        SamplingOptions.GREEDY.withPenalties(0.8, 1, 0, 0),
        SamplingOptions.GREEDY.withPenalties(2, Integer.MAX_VALUE, 0.5, 0.25),
        SamplingOptions.GREEDY.withPenalties(1, 0, 0.7, 0),
        SamplingOptions.GREEDY.withPenalties(1, 0, 0, 3),
        warm.withPenalties(1.2, 33, 0.1, 0.2).withBias(Map.of(5, 2.0)).withCuts(30, 0.9, 0.01));
  }

  @ParameterizedTest
  @MethodSource("chains")
  void stepsOfTheLoopChooseWhatTheSamplerChooses(SamplingOptions o) {
    try (Engine engine = Engines.of("reference", Precision.EXACT);
        var model = Models.openCausal(Golden.of("llama/hf"), ModelOptions.of(engine));
        Session session = model.openSession(1, 64);
        Session other = model.openSession(1, 64)) {
      Sampler sampler = Sampler.of(o);
      TokenHistory history = new TokenHistory(PROMPT);
      TokenHistory before = new TokenHistory(PROMPT);
      int first = sampler.sample(session.prefill(0, PROMPT), history);
      other.prefill(0, PROMPT);
      history.add(first);
      before.add(first);
      int[] expected = new int[STEPS];
      int token = first;
      for (int i = 0; i < STEPS; i++) {
        token = sampler.sample(session.step(token)[0], history);
        history.add(token);
        expected[i] = token;
      }
      assertEquals(Optional.empty(), other.loopPlan());
      assertArrayEquals(expected, other.steps(new int[] {first}, STEPS, o, 1, before)[0]);
      assertEquals("decode loop", other.loopPlan().orElseThrow().name());
      assertEquals(1, before.generated());
      assertEquals(session.cache().length(0), other.cache().length(0));
    }
  }

  @Test
  void sequencesOfABatchDrawForThemselvesAndMaySitOut() {
    SamplingOptions o = SamplingOptions.of(1, 5);
    try (Engine engine = Engines.of("reference", Precision.EXACT);
        var model = Models.openCausal(Golden.of("gpt2/hf"), ModelOptions.of(engine));
        Session three = model.openSession(3, 24);
        Session one = model.openSession(1, 24)) {
      for (int i = 0; i < 3; i++) {
        three.prefill(i, PROMPT);
      }
      one.prefill(0, PROMPT);
      int[][] all = three.steps(new int[] {9, Session.IDLE, 9}, 6, o, 0);
      assertEquals(PROMPT.length, three.cache().length(1));
      assertArrayEquals(one.steps(new int[] {9}, 6, o, 0)[0], all[0]);
      one.cache().truncate(0, PROMPT.length);
      assertArrayEquals(one.steps(new int[] {9}, 6, SamplingOptions.of(1, 7), 0)[0], all[2]);
    }
  }

  @Test
  void penaltiesAreEachSequencesOwn() {
    SamplingOptions o = SamplingOptions.GREEDY.withPenalties(1.5, 3, 0.5, 0.5);
    int[] much = new int[20];
    Arrays.fill(much, 9);
    TokenHistory plain = new TokenHistory(PROMPT);
    TokenHistory repeated = new TokenHistory(PROMPT);
    for (int token : much) {
      repeated.add(token);
    }
    try (Engine engine = Engines.of("reference", Precision.EXACT);
        var model = Models.openCausal(Golden.of("llama/hf"), ModelOptions.of(engine));
        Session two = model.openSession(2, 24);
        Session one = model.openSession(1, 24)) {
      two.prefill(0, PROMPT);
      two.prefill(1, PROMPT);
      one.prefill(0, PROMPT);
      int[][] both = two.steps(new int[] {9, 9}, 12, o, 0, plain, repeated);
      assertArrayEquals(one.steps(new int[] {9}, 12, o, 0, plain)[0], both[0]);
      one.cache().truncate(0, PROMPT.length);
      assertArrayEquals(one.steps(new int[] {9}, 12, o, 0, repeated)[0], both[1]);
      one.cache().truncate(0, PROMPT.length);
      int[] free = one.steps(new int[] {9}, 12, SamplingOptions.GREEDY, 0)[0];
      assertFalse(Arrays.equals(free, both[0]), Arrays.toString(free));
    }
  }

  @Test
  void hostIsNotAskedBetweenSteps() {
    EmulatedDevice device = new EmulatedDevice();
    try (Engine engine = device.open(Engine.builder().precision(Precision.EXACT));
        var model = Models.openCausal(Golden.of("llama/hf"), ModelOptions.of(engine));
        Session session = model.openSession(1, 64)) {
      session.prefill(0, PROMPT);
      session.steps(new int[] {9}, 1, SamplingOptions.GREEDY, 0);
      long waits = device.waits();
      long graphs = device.graphLaunches();
      session.steps(new int[] {9}, 1, SamplingOptions.GREEDY, 0);
      long waitsOfOne = device.waits() - waits;
      assertEquals(1, device.graphLaunches() - graphs);
      waits = device.waits();
      graphs = device.graphLaunches();
      session.steps(new int[] {9}, 20, SamplingOptions.GREEDY, 0);
      assertEquals(waitsOfOne, device.waits() - waits);
      assertEquals(20, device.graphLaunches() - graphs);
    }
  }

  @Test
  void whatTheLoopCannotDoIsRefused() {
    try (Engine engine = Engines.of("reference", Precision.EXACT);
        var model = Models.openCausal(Golden.of("llama/hf"), ModelOptions.of(engine));
        Session session = model.openSession(1, 8)) {
      session.prefill(0, PROMPT);
      int[] token = {9};
      SamplingOptions penalised = SamplingOptions.GREEDY.withPenalties(1, 0, 1, 0);
      assertThrows(ShapeException.class, () -> session.steps(token, 1, penalised, 0));
      SamplingOptions biased = SamplingOptions.GREEDY.withBias(Map.of(1_000_000, 1.0));
      assertThrows(IllegalArgumentException.class, () -> session.steps(token, 1, biased, 0));
      assertThrows(
          ContextLengthException.class, () -> session.steps(token, 5, SamplingOptions.GREEDY, 0));
      assertEquals(4, session.cache().length(0));
    }
  }
}

package dev.quern.transformer.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.decode.Generation;
import dev.quern.transformer.decode.GenerationOptions;
import dev.quern.transformer.decode.PagePool;
import dev.quern.transformer.decode.PagesExhaustedException;
import dev.quern.transformer.decode.SamplingOptions;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.decode.SessionOptions;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Generations that choose their tokens on a CUDA device, against the same on the processor. */
abstract class DecodingOnDevice {
  private static final int[] PROMPT = {1, 40, 41, 42};

  /** An engine on the device. */
  abstract Engine engine(Engine.Builder builder);

  @Test
  void aDeviceChoosesTheSameTokens() {
    SamplingOptions o = SamplingOptions.of(1.2, 3).withCuts(20, 0.95, 0.01);
    SamplingOptions penalised = o.withPenalties(1.2, 6, 0.3, 0.2).withBias(Map.of(9, -2.0));
    try (Engine host = Engines.of("reference", Precision.EXACT);
        Engine device = engine(Engine.builder().precision(Precision.EXACT))) {
      for (SamplingOptions sampling :
          new SamplingOptions[] {SamplingOptions.GREEDY, o, penalised}) {
        assertEquals(
            generated(host, sampling, ScalarType.F32, 0),
            generated(device, sampling, ScalarType.F32, 0));
      }
    }
  }

  @Test
  void cachesMayHold8BitFloats() {
    try (Engine host = Engines.of("reference", Precision.EXACT);
        Engine device = engine(Engine.builder().precision(Precision.EXACT))) {
      assertEquals(
          generated(host, SamplingOptions.GREEDY, ScalarType.F8_E4M3, 0),
          generated(device, SamplingOptions.GREEDY, ScalarType.F8_E4M3, 0));
    }
  }

  /** Tiles of keys fit into pages of 32 tokens; those of 5 are put together first. */
  @Test
  void pagesOfAPoolChangeNoToken() {
    SamplingOptions sampling = SamplingOptions.of(1.2, 3).withCuts(20, 0.95, 0.01);
    try (Engine host = Engines.of("reference", Precision.EXACT);
        Engine device = engine(Engine.builder().precision(Precision.EXACT))) {
      for (DType cache : new DType[] {ScalarType.F32, ScalarType.F8_E4M3}) {
        String expected = generated(host, sampling, cache, 0);
        for (int size : new int[] {32, 5}) {
          assertEquals(expected, generated(host, sampling, cache, size));
          assertEquals(expected, generated(device, sampling, cache, size));
        }
      }
    }
  }

  /** What was computed ahead holds no more when the session was used in between. */
  @Test
  void tokensAheadFollowWhatIsDoneToTheSession() {
    try (Engine host = Engines.of("reference", Precision.EXACT);
        Engine device = engine(Engine.builder().precision(Precision.EXACT))) {
      assertEquals(interrupted(host), interrupted(device));
    }
  }

  /** A generation during which its sequence loses tokens, and then has one replaced. */
  private static String interrupted(Engine engine) {
    SamplingOptions sampling = SamplingOptions.of(1.2, 3);
    try (var model = Models.openCausal(Golden.of("llama/hf"), ModelOptions.of(engine));
        Session session = model.openSession(SessionOptions.of(1, 64))) {
      Generation g =
          new Generation(session, model.tokenizer(), PROMPT, GenerationOptions.of(20, sampling));
      for (int i = 0; i < 20 && g.hasNext(); i++) {
        g.next();
        int length = session.cache().length(0);
        if (i == 3) {
          session.cache().truncate(0, 2);
        } else if (i == 5) {
          session.cache().truncate(0, length - 1);
          session.step(9); // as long as before
        }
      }
      return Arrays.toString(g.tokens()) + " " + session.cache().length(0);
    }
  }

  /** Sequences of a batch in pages: one rests, one is a copy that goes on by itself. */
  @Test
  void stepsInPagesAreThoseOfMemoryOfTheirOwn() {
    try (Engine device = engine(Engine.builder().precision(Precision.EXACT));
        var model = Models.openCausal(Golden.of("llama/hf"), ModelOptions.of(device));
        PagePool pool = model.openPagePool(9, 8);
        Session own = model.openSession(3, 48);
        Session paged = model.openSession(SessionOptions.of(3, 48).withPages(pool))) {
      int[] first = {5, Session.IDLE, 7};
      int[] copied = {9, 10, Session.IDLE};
      for (Session s : new Session[] {own, paged}) {
        s.prefill(0, PROMPT);
        s.prefill(2, 3, 4, 5, 6, 7, 8, 9);
      }
      assertEquals(chosen(own, first), chosen(paged, first));
      own.cache().reorder(2, 2, 0);
      paged.cache().reorder(2, 2, 0);
      assertEquals(chosen(own, copied), chosen(paged, copied));
      assertThrows(PagesExhaustedException.class, () -> paged.prefill(1, new int[20]));
      paged.cache().truncate(2, 0);
      paged.prefill(1, new int[20]);
    }
  }

  /** Tokens ahead need pages too, but a lack of those alone ends nothing. */
  @Test
  void tokensAheadTakeNoMorePagesThanThereAre() {
    try (Engine host = Engines.of("reference", Precision.EXACT);
        Engine device = engine(Engine.builder().precision(Precision.EXACT))) {
      for (int pageSize : new int[] {1, 5}) {
        String expected = exhausting(host, pageSize);
        assertEquals(expected, exhausting(device, pageSize));
      }
    }
  }

  /** A generation for 14 or 15 of whose tokens there are pages, and then for all. */
  private static String exhausting(Engine engine, int pageSize) {
    GenerationOptions options = GenerationOptions.of(20, SamplingOptions.of(1.2, 3));
    try (var model = Models.openCausal(Golden.of("llama/hf"), ModelOptions.of(engine));
        PagePool pool = model.openPagePool(Math.ceilDiv(14, pageSize) + 10 / pageSize, pageSize);
        Session session = model.openSession(SessionOptions.of(1, 64).withPages(pool))) {
      Generation g = new Generation(session, model.tokenizer(), PROMPT, options);
      StringBuilder lengths = new StringBuilder();
      try (Session other = model.openSession(SessionOptions.of(1, 64).withPages(pool))) {
        other.prefill(0, new int[10]);
        assertThrows(
            PagesExhaustedException.class,
            () -> g.run(_ -> lengths.append(' ').append(session.cache().length(0))));
        lengths.append(" exhausted");
      }
      g.run(_ -> lengths.append(' ').append(session.cache().length(0)));
      return Arrays.toString(g.tokens()) + lengths + " " + g.finishReason();
    }
  }

  /** What the sequences that don't rest go on with. */
  private static String chosen(Session session, int... first) {
    int[][] all = session.steps(first, 10, SamplingOptions.GREEDY, 0);
    StringBuilder tokens = new StringBuilder();
    for (int i = 0; i < first.length; i++) {
      tokens.append(first[i] == Session.IDLE ? "-" : Arrays.toString(all[i]));
    }
    return tokens.toString();
  }

  /**
   * The tokens of a generation, and how long the sequence was after each.
   *
   * @param pageSize tokens of a page, or 0 for a session of its own memory
   */
  private static String generated(
      Engine engine, SamplingOptions sampling, DType cache, int pageSize) {
    GenerationOptions options = GenerationOptions.of(20, sampling);
    SessionOptions plain = SessionOptions.of(1, 64);
    ModelOptions opening = ModelOptions.of(engine).withCache(cache);
    try (var model = Models.openCausal(Golden.of("llama/hf"), opening);
        PagePool pool = model.openPagePool(30, Math.max(1, pageSize));
        Session session = model.openSession(pageSize == 0 ? plain : plain.withPages(pool))) {
      StringBuilder lengths = new StringBuilder();
      Generation g = new Generation(session, model.tokenizer(), PROMPT, options);
      g.run(_ -> lengths.append(' ').append(session.cache().length(0)));
      return Arrays.toString(g.tokens()) + lengths + " " + g.finishReason();
    }
  }
}

package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.ShapeException;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KvCacheTest {
  private Engine engine;
  private CausalLanguageModel model;
  private int[] tokens;

  @BeforeEach
  void open() {
    engine = Engines.of("reference", Precision.EXACT);
    model = Models.openCausal(Golden.of("llama/llama-F32.gguf"), ModelOptions.of(engine));
    tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));
  }

  @AfterEach
  void close() {
    model.close();
    engine.close();
  }

  /** The logits after a sequence of tokens, by a session of its own. */
  private float[] alone(int... sequence) {
    try (Session s = model.openSession(1, 64)) {
      return s.prefill(0, sequence);
    }
  }

  private static int[] part(int[] all, int from, int to) {
    return java.util.Arrays.copyOfRange(all, from, to);
  }

  @Test
  void aBatchOfUnevenLengthsEqualsEachSequenceAlone() {
    try (Session s = model.openSession(3, 20)) {
      assertArrayEquals(alone(part(tokens, 0, 5)), s.prefill(0, part(tokens, 0, 5)));
      assertArrayEquals(alone(part(tokens, 0, 1)), s.prefill(1, part(tokens, 0, 1)));
      assertArrayEquals(alone(part(tokens, 0, 8)), s.prefill(2, part(tokens, 0, 8)));
      float[][] logits = s.step(tokens[5], tokens[1], tokens[8]);
      assertArrayEquals(alone(part(tokens, 0, 6)), logits[0]);
      assertArrayEquals(alone(part(tokens, 0, 2)), logits[1]);
      assertArrayEquals(alone(part(tokens, 0, 9)), logits[2]);
      // One sits a step out, and is as it was in the step after.
      logits = s.step(tokens[6], Session.IDLE, tokens[9]);
      assertArrayEquals(alone(part(tokens, 0, 7)), logits[0]);
      assertArrayEquals(alone(part(tokens, 0, 10)), logits[2]);
      assertEquals(2, s.cache().length(1));
      logits = s.step(Session.IDLE, tokens[2], Session.IDLE);
      assertArrayEquals(alone(part(tokens, 0, 3)), logits[1]);
      assertEquals(1, s.recordings());
    }
  }

  @Test
  void aFullSequenceMayStayIdle() {
    try (Session s = model.openSession(2, 4)) {
      s.prefill(0, part(tokens, 0, 4));
      s.prefill(1, part(tokens, 0, 2));
      float[][] logits = s.step(Session.IDLE, tokens[2]);
      assertArrayEquals(alone(part(tokens, 0, 3)), logits[1]);
      s.cache().truncate(0, 3);
      assertArrayEquals(alone(part(tokens, 0, 4)), s.step(tokens[3], tokens[3])[0]);
    }
  }

  @Test
  void truncateForgetsTheEnd() {
    try (Session s = model.openSession(1, 20)) {
      s.prefill(0, part(tokens, 0, 9));
      s.cache().truncate(0, 4);
      assertEquals(4, s.cache().length(0));
      assertArrayEquals(alone(part(tokens, 0, 5)), s.step(tokens[4])[0]);
      s.cache().truncate(0, 0);
      assertArrayEquals(alone(tokens[3]), s.prefill(0, tokens[3]));
    }
  }

  @Test
  void forkedSequencesGoOnIndependently() {
    try (Session s = model.openSession(2, 20)) {
      s.prefill(0, part(tokens, 0, 6));
      s.prefill(1, part(tokens, 3, 7));
      try (Session f = s.fork(1, 0, 0)) {
        assertEquals(4, f.cache().length(0));
        assertEquals(6, f.cache().length(2));
        float[][] logits = f.step(tokens[7], tokens[6], 9);
        assertArrayEquals(alone(part(tokens, 3, 8)), logits[0]);
        assertArrayEquals(alone(part(tokens, 0, 7)), logits[1]);
        int[] other = part(tokens, 0, 7);
        other[6] = 9;
        assertArrayEquals(alone(other), logits[2]);
      }
      assertEquals(6, s.cache().length(0));
      assertArrayEquals(alone(part(tokens, 0, 7)), s.step(tokens[6], tokens[7])[0]);
    }
  }

  @Test
  void reorderMovesSequences() {
    try (Session s = model.openSession(3, 20)) {
      s.prefill(0, part(tokens, 0, 3));
      s.prefill(1, part(tokens, 0, 7));
      s.prefill(2, part(tokens, 2, 7));
      s.cache().reorder(2, 0, 0);
      assertEquals(5, s.cache().length(0));
      assertEquals(3, s.cache().length(1));
      assertEquals(3, s.cache().length(2));
      float[][] logits = s.step(tokens[7], tokens[3], tokens[3]);
      assertArrayEquals(alone(part(tokens, 2, 8)), logits[0]);
      assertArrayEquals(alone(part(tokens, 0, 4)), logits[1]);
      assertArrayEquals(logits[1], logits[2]);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"F16", "BF16"})
  void narrowCachesAreCloseToWideOnes(ScalarType dtype) {
    float[] golden = Golden.npy(Golden.of("llama/llama-F32.logits.npy"));
    try (Session s = model.openSession(SessionOptions.of(1, 20).withCache(dtype))) {
      float[] logits = s.prefillAll(0, tokens);
      double error = Golden.nmse(logits, golden);
      assertTrue(error > 0 && error < 1e-3, dtype + ": " + error);
      s.cache().truncate(0, tokens.length - 1);
      float[] stepped = s.step(tokens[tokens.length - 1])[0];
      float[] last = part(logits, stepped.length * (tokens.length - 1), logits.length);
      assertTrue(Golden.maxError(stepped, last) < 1e-5);
      try (Session f = s.fork(0)) {
        s.cache().truncate(0, 3);
        f.cache().truncate(0, 3);
        assertArrayEquals(s.step(tokens[3])[0], f.step(tokens[3])[0]);
      }
    }
  }

  private static float[] part(float[] all, int from, int to) {
    return java.util.Arrays.copyOfRange(all, from, to);
  }

  @Test
  void chunkedPrefillEqualsOneChunk() {
    float[] whole;
    try (Session s = model.openSession(1, 20)) {
      whole = s.prefillAll(0, tokens);
    }
    for (int chunk : new int[] {1, 3, 4, 12}) {
      try (Session s = model.openSession(SessionOptions.of(1, 20).withPrefill(chunk))) {
        assertArrayEquals(whole, s.prefillAll(0, tokens), "chunks of " + chunk);
      }
      try (Session s = model.openSession(SessionOptions.of(1, 20).withPrefill(chunk))) {
        float[] last = s.prefill(0, tokens);
        assertArrayEquals(part(whole, whole.length - last.length, whole.length), last);
      }
    }
  }

  @Test
  void tooManyTokensAreRefusedAndNothingIsLost() {
    try (Session s = model.openSession(1, 5)) {
      s.prefill(0, part(tokens, 0, 4));
      var e = assertThrows(ContextLengthException.class, () -> s.prefill(0, part(tokens, 4, 7)));
      assertTrue(e.getMessage().contains("capacity of 5"), e.getMessage());
      assertArrayEquals(alone(part(tokens, 0, 5)), s.step(tokens[4])[0]);
      assertThrows(ContextLengthException.class, () -> s.step(tokens[5]));
    }
    assertThrows(ContextLengthException.class, () -> model.openSession(1, 257));
  }

  @Test
  void wrongUseIsRefused() {
    Session s = model.openSession(2, 5);
    assertThrows(ShapeException.class, () -> s.step(1));
    assertThrows(ShapeException.class, () -> s.prefill(2, 1));
    assertThrows(ShapeException.class, () -> s.prefill(0));
    assertThrows(ShapeException.class, () -> s.prefill(0, 320));
    assertThrows(ShapeException.class, () -> s.step(-2, 0));
    assertThrows(ShapeException.class, () -> s.cache().truncate(0, 1));
    assertThrows(ShapeException.class, () -> s.cache().reorder(0));
    assertThrows(ShapeException.class, () -> s.cache().reorder(0, 2));
    s.close();
    assertThrows(ScopeClosedException.class, () -> s.prefill(0, 1));
    assertThrows(ScopeClosedException.class, () -> s.step(1, 1));
    assertThrows(ScopeClosedException.class, () -> s.cache().length(0));
    assertThrows(ScopeClosedException.class, s::close);
  }
}

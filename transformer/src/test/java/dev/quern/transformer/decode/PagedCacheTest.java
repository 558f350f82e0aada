package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.ShapeException;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.WideHeads;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Sessions in pages of a pool: they compute the same bits as sessions of their own memory. */
class PagedCacheTest {
  private Path file = Golden.of("llama/llama-F32.gguf");
  private Engine engine = Engines.of("reference", Precision.EXACT);
  private CausalLanguageModel model = open();
  private final int[] tokens = Golden.ints(Golden.json(Golden.of("llama/tokens.json")));

  private CausalLanguageModel open() {
    return Models.openCausal(file, ModelOptions.of(engine));
  }

  /** The same model with other kernels. */
  private void reopen(String tier, Precision precision) {
    close();
    engine = Engines.of(tier, precision);
    model = open();
  }

  @AfterEach
  void close() {
    model.close();
    engine.close();
  }

  private Session session(PagePool pool, int batch, int capacity) {
    return model.openSession(SessionOptions.of(batch, capacity).withPages(pool));
  }

  private PagePool pool(DType dtype, int pages, int size) {
    return new PagePool(engine, model.decoder().dimensions(), dtype, pages, size);
  }

  private int[] part(int from, int to) {
    return Arrays.copyOfRange(tokens, from, to);
  }

  /** What a session computes when sequences of a batch grow, rest, shrink, change places, fork. */
  private float[][] story(SessionOptions options) {
    float[][] all = new float[64][];
    int at = 0;
    try (Session s = model.openSession(options.withPrefill(4))) {
      all[at++] = s.prefillAll(0, part(0, 9));
      all[at++] = s.prefill(2, part(3, 4));
      int[] next = {tokens[9], Session.IDLE, tokens[4]};
      for (int step = 0; step < 6; step++) {
        for (float[] logits : s.step(next)) {
          all[at++] = logits;
        }
        next = new int[] {step + 3, Session.IDLE, step + 40};
        all[at - 2] = null; // of the idle sequence
      }
      s.cache().truncate(0, 3);
      s.cache().reorder(2, 0, 0);
      all[at++] = s.prefill(1, 7, 8, 9);
      for (float[] logits : s.step(5, 6, 7)) {
        all[at++] = logits;
      }
      try (Session f = s.fork(1, 1, 2, 0)) {
        for (float[] logits : f.step(9, 10, 11, 12)) {
          all[at++] = logits;
        }
        for (float[] logits : s.step(13, 14, 15)) {
          all[at++] = logits;
        }
        f.cache().truncate(1, 2);
        all[at++] = f.prefill(1, 30, 31);
      }
      for (float[] logits : s.step(16, 17, 18)) {
        all[at++] = logits;
      }
    }
    return Arrays.copyOf(all, at);
  }

  @ParameterizedTest
  @CsvSource({
    "reference, EXACT, F32, 1",
    "reference, EXACT, F32, 4",
    "vector, AUTO, F16, 3",
    "native, AUTO, F32, 16",
    "native, AUTO, F16, 4",
    "native, AUTO, BF16, 128",
    "native, AUTO, F16, 1",
    "reference, EXACT, Q8_0, 3",
    "vector, AUTO, Q8_0, 4",
    "native, AUTO, Q8_0, 16",
    "reference, EXACT, F8_E4M3, 4",
    "vector, AUTO, F8_E4M3, 3"
  })
  void computeTheSameBits(
      String tier, Precision precision, String dtype, int size, @TempDir Path folder)
      throws IOException {
    DType type = DType.of(dtype);
    if (type.isBlock()) {
      file = WideHeads.write(file, folder.resolve("wide.gguf"), type.blockLength());
    }
    reopen(tier, precision);
    SessionOptions options = SessionOptions.of(3, 24);
    try (PagePool pool = pool(type, 200, size)) {
      float[][] contiguous = story(options.withCache(type));
      float[][] paged = story(options.withPages(pool));
      for (int i = 0; i < contiguous.length; i++) {
        assertArrayEquals(contiguous[i], paged[i], "logits " + i);
      }
      assertEquals(0, pool.used(), "nothing is held");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "vector", "native"})
  void generateTheSameTokens(String tier) {
    reopen(tier, Precision.AUTO);
    try (PagePool pool = model.openPagePool(8, 16);
        Session paged = session(pool, 1, 100);
        Session contiguous = model.openSession(1, 100)) {
      assertEquals(contiguous.cache().dtype(), pool.dtype());
      GenerationOptions options = GenerationOptions.of(60, SamplingOptions.GREEDY);
      Generation there = new Generation(contiguous, model.tokenizer(), part(0, 9), options);
      Generation here = new Generation(paged, model.tokenizer(), part(0, 9), options);
      assertEquals(there.run(_ -> {}), here.run(_ -> {}));
      assertArrayEquals(there.tokens(), here.tokens());
      assertEquals(Math.ceilDiv(paged.cache().length(0), 16), pool.used());
    }
  }

  @Test
  void takePagesAsTheyGrowAndGiveThemBack() {
    try (PagePool pool = pool(ScalarType.F32, 20, 4)) {
      long all = 2L * 20 * pool.pageBytes();
      try (Session s = session(pool, 2, 40)) {
        assertEquals(0, pool.used());
        s.prefill(0, part(0, 4));
        assertEquals(1, pool.used());
        s.step(1, Session.IDLE);
        assertEquals(2, pool.used());
        s.prefill(1, part(0, 9));
        assertEquals(5, pool.used());
        assertEquals(5 * pool.pageBytes(), s.cache().bytes());
        s.cache().truncate(1, 4);
        assertEquals(3, pool.used());
        s.cache().truncate(0, 0);
        assertEquals(1, pool.used());
        assertEquals(19, pool.free());
      }
      assertEquals(0, pool.used());
      assertTrue(pool.bytes() < all && pool.bytes() > 20 * pool.pageBytes());
    }
  }

  @Test
  void copiesSharePagesUntilTheyWrite() {
    try (PagePool pool = pool(ScalarType.F32, 20, 4);
        Session s = session(pool, 1, 40)) {
      s.prefill(0, part(0, 10));
      assertEquals(3, pool.used());
      try (Session f = s.fork(0, 0, 0)) {
        assertEquals(3, pool.used());
        f.step(5, 6, Session.IDLE);
        assertEquals(5, pool.used(), "who wrote has the last page for itself");
        s.step(7);
        assertEquals(6, pool.used());
        f.step(Session.IDLE, Session.IDLE, 8);
        assertEquals(6, pool.used(), "nobody else has it any more");
        f.cache().reorder(1, 1, 1);
        assertEquals(4, pool.used());
        f.cache().truncate(0, 8);
        f.step(9, Session.IDLE, Session.IDLE);
        assertEquals(5, pool.used(), "full pages stay shared");
      }
      assertEquals(3, pool.used());
    }
  }

  /** The last of those who write to a shared page keeps it, so it needs one page less. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void copiesThatAllWriteNeedAPageForEachButOne(int batch) {
    try (PagePool pool = pool(ScalarType.F32, batch, 4);
        Session s = session(pool, batch, 40);
        Session own = model.openSession(batch, 40)) {
      int[] next = part(5, 5 + batch);
      for (Session each : new Session[] {own, s}) {
        each.prefill(0, part(0, 3));
        each.cache().reorder(new int[batch]);
      }
      assertEquals(batch - 1, pool.free());
      assertArrayEquals(own.step(next), s.step(next));
      assertEquals(0, pool.free());
    }
  }

  @Test
  void pagesThatOthersKeepNeedACopyForEachWhoWrites() {
    try (PagePool pool = pool(ScalarType.F32, 3, 4);
        Session s = session(pool, 3, 40)) {
      s.prefill(0, part(0, 3));
      s.cache().reorder(0, 0, 0);
      try (Session f = s.fork(0)) {
        f.cache().truncate(0, 2);
        var e = assertThrows(PagesExhaustedException.class, () -> s.step(1, 2, 3));
        assertEquals(3, e.needed(), "the fork has the page too");
        s.step(1, Session.IDLE, 2);
        assertEquals(0, pool.free(), "so has the one that rests");
        assertThrows(PagesExhaustedException.class, () -> s.step(Session.IDLE, 3, Session.IDLE));
      }
      s.step(Session.IDLE, 3, Session.IDLE);
      s.cache().truncate(2, 0);
      s.cache().reorder(0, 0, 1);
      s.cache().truncate(0, 2);
      s.cache().truncate(1, 1);
      assertEquals(1, pool.free());
      s.steps(new int[] {1, 2, Session.IDLE}, 2, SamplingOptions.GREEDY, 0);
      assertEquals(0, pool.free());
    }
  }

  @Test
  void anEmptyPoolRefusesAndNothingIsLost() {
    try (PagePool pool = pool(ScalarType.F32, 3, 4);
        Session s = session(pool, 2, 40);
        Session other = session(pool, 1, 40);
        Session own = model.openSession(1, 40)) {
      s.prefill(0, part(0, 4));
      s.prefill(1, part(0, 4));
      other.prefill(0, part(0, 3));
      var e = assertThrows(PagesExhaustedException.class, () -> s.step(1, 2));
      assertEquals(2, e.needed());
      assertEquals(0, e.free());
      assertTrue(e.getMessage().contains("2 more pages of 4 tokens"), e.getMessage());
      assertTrue(e.getMessage().contains("3 of 3 are held"), e.getMessage());
      assertThrows(PagesExhaustedException.class, () -> other.prefill(0, part(0, 2)));
      assertEquals(4, s.cache().length(0));
      assertEquals(3, other.cache().length(0));
      own.prefill(0, part(0, 3));
      assertArrayEquals(own.step(9)[0], other.step(9)[0]);
      other.cache().truncate(0, 0);
      assertThrows(PagesExhaustedException.class, () -> s.step(1, 2));
      assertEquals(1, pool.free(), "all or none");
      own.cache().truncate(0, 0);
      own.prefill(0, part(0, 4));
      assertArrayEquals(own.step(6)[0], s.step(6, Session.IDLE)[0]);
    }
  }

  @Test
  void severalStepsTakeTheirPagesBeforehand() {
    try (PagePool pool = pool(ScalarType.F32, 3, 4);
        Session s = session(pool, 1, 40)) {
      s.prefill(0, part(0, 3));
      int[] first = {5};
      assertThrows(
          PagesExhaustedException.class, () -> s.steps(first, 10, SamplingOptions.GREEDY, 0));
      assertEquals(3, s.cache().length(0));
      assertEquals(1, pool.used());
      int[] chosen = s.steps(first, 9, SamplingOptions.GREEDY, 0)[0];
      assertEquals(3, pool.used());
      try (Session own = model.openSession(1, 40)) {
        own.prefill(0, part(0, 3));
        assertArrayEquals(own.steps(first, 9, SamplingOptions.GREEDY, 0)[0], chosen);
      }
    }
  }

  @Test
  void sessionsOfOnePoolDontDisturbEachOther() {
    try (PagePool pool = pool(ScalarType.F32, 12, 2);
        Session a = session(pool, 1, 12);
        Session b = session(pool, 1, 12);
        Session own = model.openSession(1, 12)) {
      a.prefill(0, part(0, 3));
      b.prefill(0, part(4, 9));
      a.cache().truncate(0, 1);
      b.prefill(0, part(9, 11));
      float[] logits = a.prefill(0, part(1, 6));
      assertArrayEquals(own.prefill(0, part(0, 6)), logits);
      own.cache().truncate(0, 0);
      own.prefill(0, part(4, 11));
      assertArrayEquals(own.step(1)[0], b.step(1)[0]);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "native"})
  void sessionsOfSeveralThreadsShareAPool(String tier) throws Exception {
    reopen(tier, Precision.AUTO);
    List<int[]> prompts = List.of(part(0, 9), part(2, 5), part(4, 11), part(1, 2));
    try (PagePool pool = model.openPagePool(80, 2);
        var threads = Executors.newFixedThreadPool(prompts.size())) {
      List<Future<int[]>> all = new ArrayList<>();
      for (int[] prompt : prompts) {
        all.add(
            threads.submit(
                () -> {
                  int[] latest = {};
                  for (int round = 0; round < 5; round++) {
                    try (Session s = session(pool, 1, 40)) {
                      s.prefill(0, prompt);
                      latest = s.steps(new int[] {7}, 20, SamplingOptions.GREEDY, 0)[0];
                    }
                  }
                  return latest;
                }));
      }
      for (int i = 0; i < all.size(); i++) {
        try (Session own = model.openSession(1, 40)) {
          own.prefill(0, prompts.get(i));
          int[] expected = own.steps(new int[] {7}, 20, SamplingOptions.GREEDY, 0)[0];
          assertArrayEquals(expected, all.get(i).get());
        }
      }
      assertEquals(0, pool.used());
    }
  }

  @Test
  void wrongUseIsRefused() {
    PagePool pool = pool(ScalarType.F16, 3, 4);
    assertThrows(ShapeException.class, () -> pool(ScalarType.F16, 0, 4));
    assertThrows(ShapeException.class, () -> pool(ScalarType.F16, 3, 0));
    var many = assertThrows(ShapeException.class, () -> pool(ScalarType.F16, Integer.MAX_VALUE, 4));
    assertTrue(many.getMessage().contains("from 1 to 2147483646 pages"), many.getMessage());
    assertThrows(DTypeException.class, () -> pool(ScalarType.F64, 3, 4));
    SessionOptions wide = SessionOptions.of(1, 5).withCache(ScalarType.F32);
    assertThrows(DTypeException.class, () -> wide.withPages(pool));
    Session s = session(pool, 1, 5);
    assertThrows(ContextLengthException.class, () -> s.prefill(0, part(0, 6)));
    assertEquals(0, pool.used());
    s.prefill(0, part(0, 5));
    var e = assertThrows(QuernException.class, pool::close);
    assertTrue(e.getMessage().contains("2 pages are still held"), e.getMessage());
    Decoder.Dimensions d = model.decoder().dimensions();
    Decoder.Dimensions other =
        new Decoder.Dimensions(
            d.vocabulary(), d.dim(), d.layers() + 1, d.kvHeads(), d.headDim(), d.contextLength());
    var foreign = assertThrows(ShapeException.class, () -> pool.require(engine, other));
    assertTrue(foreign.getMessage().contains("openPagePool"), foreign.getMessage());
    try (Engine another = Engines.of("reference", Precision.EXACT)) {
      assertThrows(QuernException.class, () -> pool.require(another, d));
    }
    s.close();
    assertEquals(0, pool.used());
    pool.close();
    assertThrows(ScopeClosedException.class, pool::close);
    assertThrows(ScopeClosedException.class, () -> session(pool, 1, 5));
  }
}

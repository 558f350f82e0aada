package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.layers.AttentionCache;
import dev.quern.transformer.layers.AttentionContext;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Logits of a large vocabulary at many positions come in blocks. */
class LogitBlocksTest {
  private static final int MOST_BYTES = 64 << 20;

  /** No network at all: the logits of a token are the token, everywhere. */
  private record Echo(int vocabulary, int contextLength) implements Decoder {
    @Override
    public String family() {
      return "echo";
    }

    @Override
    public Map<String, Tensor> parameters() {
      return Map.of();
    }

    @Override
    public Dimensions dimensions() {
      return new Dimensions(vocabulary, 1, 1, 1, 1, contextLength);
    }

    @Override
    public Tensor forward(
        Tensor tokens, AttentionContext context, List<? extends AttentionCache> caches) {
      return tokens.cast(ScalarType.F32).unsqueeze(2);
    }

    @Override
    public Tensor logits(Tensor hidden) {
      return hidden.expand(hidden.shape().with(2, vocabulary));
    }
  }

  private static int[] counting(int length) {
    return java.util.stream.IntStream.range(0, length).toArray();
  }

  @Test
  void manyLogitsComeInBlocksOfBoundedSize() {
    int length = 4096;
    int vocabulary = 128 << 10;
    int[] next = {5};
    try (Engine engine = Engine.create();
        Session s =
            Session.open(engine, new Echo(vocabulary, length), SessionOptions.of(1, length))) {
      s.prefill(
          0,
          counting(length),
          5,
          (first, logits) -> {
            assertEquals(next[0], first);
            assertTrue(logits.length * 4L <= MOST_BYTES, logits.length + " logits");
            assertEquals(0, logits.length % vocabulary);
            for (int i = 0; i < logits.length; i += vocabulary) {
              assertEquals(next[0], logits[i]);
              assertEquals(next[0]++, logits[i + vocabulary - 1]);
            }
          });
      assertEquals(length, s.cache().length(0));
    }
    assertEquals(length, next[0]);
  }

  @Test
  void aRowLargerThanABlockComesAlone() {
    int[] calls = new int[1];
    try (Engine engine = Engine.create();
        Session s =
            Session.open(engine, new Echo(MOST_BYTES / 4 + 1, 4), SessionOptions.of(1, 4))) {
      s.prefill(0, counting(3), 1, (first, logits) -> assertEquals(++calls[0], first));
    }
    assertEquals(2, calls[0]);
  }

  @Test
  void whatNoArrayHoldsIsRefusedBeforeAnythingIsComputed() {
    int length = 20_000;
    try (Engine engine = Engine.create();
        Session s =
            Session.open(engine, new Echo(128 << 10, length), SessionOptions.of(1, length))) {
      var e = assertThrows(ShapeException.class, () -> s.prefillAll(0, counting(length)));
      assertTrue(e.getMessage().contains("in blocks"), e.getMessage());
      assertEquals(0, s.cache().length(0));
      assertThrows(ShapeException.class, () -> s.prefill(0, counting(3), 4, (first, logits) -> {}));
    }
  }
}

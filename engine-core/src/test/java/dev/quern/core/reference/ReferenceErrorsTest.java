package dev.quern.core.reference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.AttentionGradOp.AttentionGrad;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What only the values show to be wrong is reported: where, what, and what would be right. */
class ReferenceErrorsTest {
  private final Engine engine = Engine.builder().kernels().threads(2).build();

  private static void fails(Class<? extends QuernException> type, Executable call, String... say) {
    String message = String.valueOf(assertThrows(type, call).getMessage());
    for (String s : say) {
      assertTrue(message.contains(s), message);
    }
  }

  @Test
  void indicesOutOfRange() {
    Tensor x = engine.normal(1, 3, 4);
    Tensor ids = engine.tensor(new int[] {0, 2, 3, 1}, 2, 2);
    fails(IndexException.class, () -> x.embedding(ids, ScalarType.F32), "ids[1, 0] is 3", "0..2");
    Tensor negative = engine.tensor(new long[] {-1});
    fails(
        IndexException.class, () -> x.embedding(negative, ScalarType.F32), "ids[0] is -1", "0..2");
    Tensor far = engine.tensor(new long[] {1, -4});
    fails(IndexException.class, () -> x.indexSelect(0, far), "indices[1] is -4", "-3..2");
    Tensor each = engine.tensor(new int[] {0, 1, 2, 4}, 1, 4);
    fails(IndexException.class, () -> x.gather(1, each), "indices[0, 3] is 4", "-4..3");
    Tensor targets = engine.tensor(new int[] {0, -100, 4});
    fails(IndexException.class, () -> x.crossEntropy(targets), "targets[2] is 4", "0..3");
  }

  @Test
  void negativeIndicesCountFromTheEnd() {
    Tensor x = engine.tensor(new float[] {1, 2, 3});
    assertArrayEquals(
        new float[] {3, 1}, x.indexSelect(0, engine.tensor(new int[] {-1, -3})).toFloats());
  }

  @Test
  void sequenceLongerThanItsKeys() {
    Tensor q = engine.normal(1, 2, 1, 1, 4);
    Tensor k = engine.normal(2, 2, 3, 1, 4);
    Attention op = new Attention(true, 1, 0, 0, false, false, true);
    Tensor lengths = engine.tensor(new int[] {3, 4});
    fails(IndexException.class, () -> q.attention(k, k, op, lengths), "lengths[1] is 4", "0..3");
  }

  @Test
  void rowsBeyondTheCacheLeaveItAsItWas() {
    Buffer cache = engine.buffer("k", TensorSpec.of(ScalarType.F32, 2, 4, 1, 2));
    Tensor rows = engine.full(ScalarType.F32, 1, 2, 2, 1, 2);
    Tensor starts = engine.tensor(new int[] {0, 3});
    fails(
        ShapeException.class,
        () -> engine.apply(new BufferOp.CacheWrite(), List.of(cache.value(), rows, starts)),
        "sequence 1",
        "rows 3..4",
        "capacity 4");
    assertArrayEquals(new float[16], cache.value().toFloats());
  }

  @Test
  void pagesThatAPoolHasNot() {
    Tensor q = engine.normal(1, 2, 1, 1, 4);
    Tensor pool = engine.normal(2, 3, 2, 1, 4);
    Attention op = new Attention(true, 1, 0, 0, false, true, false).withPages(true);
    Tensor starts = engine.tensor(new int[] {0, 1});
    Tensor pages = engine.tensor(new int[] {0, 1, 2, 3}, 2, 2);
    fails(
        IndexException.class,
        () -> q.attention(pool, pool, op, starts, pages),
        "[attention] pages[1, 1] is 3",
        "0..2");
    Buffer cache = engine.buffer("k", TensorSpec.of(ScalarType.F32, 3, 2, 1, 4));
    fails(
        IndexException.class,
        () ->
            engine.apply(
                new BufferOp.CacheWrite(true),
                List.of(cache.value(), q, engine.tensor(new int[] {0, 2}), pages)),
        "[cacheWrite] pages[1, 1] is 3",
        "0..2");
    assertArrayEquals(new float[24], cache.value().toFloats());
  }

  @Test
  void pagesThatDontFit() {
    Tensor q = engine.normal(1, 2, 1, 1, 4);
    Tensor pool = engine.normal(2, 3, 2, 1, 4);
    Attention op = new Attention(true, 1, 0, 0, false, false, false).withPages(true);
    for (Tensor pages : List.of(engine.tensor(new int[2]), engine.tensor(new int[3], 3, 1))) {
      fails(ShapeException.class, () -> q.attention(pool, pool, op, pages), "pages [b, n]");
    }
    Tensor wide = engine.tensor(new long[2], 2, 1);
    fails(DTypeException.class, () -> q.attention(pool, pool, op, wide), "pages", "I32");
    Tensor none = engine.tensor(new float[0], 3, 0, 1, 4);
    Tensor pages = engine.tensor(new int[2], 2, 1);
    fails(ShapeException.class, () -> q.attention(none, none, op, pages), "size at least 1");
    Tensor heads = engine.normal(2, 3, 2, 1, 5);
    fails(ShapeException.class, () -> q.attention(heads, pool, op, pages), "need k");
    assertThrows(IllegalArgumentException.class, () -> new AttentionGrad(op));
  }

  @Test
  void blockTypesWithoutACodec() {
    Tensor x = engine.normal(1, 2, 32);
    fails(NotSupportedException.class, () -> x.cast(BlockType.MXFP4), "MXFP4", "Q8_0, Q4_0");
  }

  @Test
  void blocksThatRunAlongAnotherAxis() {
    Tensor t = engine.normal(1, 64, 32).cast(BlockType.Q8_0).transpose();
    fails(NotSupportedException.class, t::contiguous, "Q8_0", "cast it to F32");
    assertEquals(ScalarType.F32, t.cast(ScalarType.F32).dtype());
  }
}

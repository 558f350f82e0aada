package dev.quern.core.reference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Keys and values in Q8_0: written, moved and attended to as views of memory by heads. */
class KeyValueBlocksTest {
  private final Engine engine = Engine.builder().kernels().threads(2).build();

  /** A cache [b, capacity, h, d] whose memory is [b, h, capacity, d], as decoding has it. */
  private Tensor cache(Buffer memory) {
    return memory.value().permute(0, 2, 1, 3);
  }

  private static float[] floats(Tensor x) {
    return x.cast(ScalarType.F32).toFloats();
  }

  @Test
  void writtenRowsAreWhatACastGives() {
    Buffer memory = engine.buffer("k", TensorSpec.of(BlockType.Q8_0, 2, 3, 5, 64));
    Tensor rows = engine.normal(1, 2, 2, 3, 64);
    Tensor starts = engine.tensor(new int[] {0, 3});
    engine.apply(new BufferOp.CacheWrite(), List.of(cache(memory), rows, starts));
    float[] expected = floats(rows.cast(BlockType.Q8_0));
    Tensor first = cache(memory).slice(0, 0, 1).slice(1, 0, 2);
    Tensor second = cache(memory).slice(0, 1, 1).slice(1, 3, 2);
    assertArrayEquals(
        expected, floats(first.cast(ScalarType.F32).concat(0, second.cast(ScalarType.F32))));
    assertArrayEquals(new float[3 * 3 * 64], floats(cache(memory).slice(0, 0, 1).slice(1, 2, 3)));
  }

  @Test
  void attentionSeesTheValuesOfTheBlocks() {
    Tensor q = engine.normal(1, 2, 3, 4, 32);
    Tensor k = engine.normal(2, 2, 2, 7, 32).cast(BlockType.Q8_0).permute(0, 2, 1, 3);
    Tensor v = engine.normal(3, 2, 2, 7, 64).cast(BlockType.Q8_0).permute(0, 2, 1, 3);
    Attention op = new Attention(true, 0.2f, 0, 0, false, false, false);
    Tensor wide = q.attention(k.cast(ScalarType.F32), v.cast(ScalarType.F32), op);
    assertArrayEquals(wide.toFloats(), q.attention(k, v, op).toFloats());
    float[] spelled = op.decompose(List.of(q, k, v)).getFirst().toFloats();
    float[] fused = wide.toFloats();
    for (int i = 0; i < fused.length; i++) {
      assertEquals(fused[i], spelled[i], 1e-5);
    }
  }

  @Test
  void wholeSlicesOfBlocksAreSelected() {
    Tensor wide = engine.normal(4, 3, 2, 5, 32);
    Tensor index = engine.tensor(new int[] {2, 0, 2, -1});
    Tensor blocks = wide.cast(BlockType.Q8_0).permute(0, 2, 1, 3);
    for (int axis = 0; axis < 3; axis++) {
      Tensor selected = blocks.indexSelect(axis, engine.tensor(new int[] {1, 0, -1}));
      assertEquals(BlockType.Q8_0, selected.dtype());
      assertArrayEquals(
          blocks
              .cast(ScalarType.F32)
              .indexSelect(axis, engine.tensor(new int[] {1, 0, -1}))
              .toFloats(),
          floats(selected));
    }
    assertThrows(DTypeException.class, () -> blocks.indexSelect(3, index));
  }

  @Test
  void headsThatDontFillBlocksAreRefused() {
    // 64 rows of 16: whole blocks in number, but not along a row
    Tensor memory = engine.normal(5, 1, 64, 2, 16);
    Tensor rows = engine.normal(6, 1, 1, 2, 16);
    Tensor cache = engine.normal(5, 1, 64, 32).cast(BlockType.Q8_0).reshape(1, 64, 2, 16);
    String message =
        assertThrows(
                DTypeException.class,
                () ->
                    engine.apply(
                        new BufferOp.CacheWrite(),
                        List.of(cache, rows, engine.tensor(new int[] {0}))))
            .getMessage();
    assertTrue(message.contains("multiple of the 32 elements") && message.contains("F16"), message);
    Attention op = new Attention(true, 0.2f, 0, 0, false, false, false);
    assertThrows(DTypeException.class, () -> rows.attention(cache, cache, op));
    assertEquals(Shape.of(1, 1, 2, 16), rows.attention(memory, memory, op).shape());
  }
}

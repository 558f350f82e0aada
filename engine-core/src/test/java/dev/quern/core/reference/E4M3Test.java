package dev.quern.core.reference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.GradientException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * 8-bit floats: every conversion as PyTorch has it, and what may be done with them. The digests are
 * printed by {@code e4m3_digests.py}, among the resources of this package.
 */
class E4M3Test {
  private static final int NAN = 0x7f;

  private final Engine engine = Engine.builder().kernels().threads(2).build();

  /** All 256. */
  private Tensor codes() {
    byte[] codes = new byte[256];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) i;
    }
    return engine.tensor(TensorSpec.of(ScalarType.F8_E4M3, 256), MemorySegment.ofArray(codes));
  }

  private static String digest(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] bytes(Tensor eight) {
    byte[] b = eight.segment().toArray(ValueLayout.JAVA_BYTE);
    for (int i = 0; i < b.length; i++) {
      b[i] = b[i] == -1 ? NAN : b[i];
    }
    return b;
  }

  @Test
  void allNumbersAreReadAsPyTorchReadsThem() {
    ByteBuffer read = ByteBuffer.allocate(4 * 256).order(ByteOrder.LITTLE_ENDIAN);
    for (float x : codes().toFloats()) {
      read.putInt(Float.floatToIntBits(x)); // one NaN for all
    }
    assertEquals(
        "422eccfaa21e72a6b26855bb10cdcfead6c1ce3262ecd813c99d8cbf9677f2e2", digest(read.array()));
  }

  @ParameterizedTest
  @CsvSource({
    "F16, 65536, 1, 0212e2599adcd3301d3bad890a053b8b41e514049b9988db67e77c2e21e464ce",
    "BF16, 65536, 1, 2f8096b3b00699a86e3e44c61fc0287c5111ab4b4e3d1ad604f6f3a5b3eca0db",
    "F32, 1048576, 4099, 9fd16c8a90a6c3a8f4cd5a142ef0a19d69fa4e62c4cad58541f655cdc6c74189"
  })
  void numbersAreWrittenAsPyTorchWritesThem(
      ScalarType from, int count, int apart, String expected) {
    int size = from.bytes();
    ByteBuffer bits = ByteBuffer.allocate(count * size).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      if (size == 2) {
        bits.putShort((short) (i * apart));
      } else {
        bits.putInt(i * apart);
      }
    }
    Tensor x = engine.tensor(TensorSpec.of(from, count), MemorySegment.ofArray(bits.array()));
    assertEquals(expected, digest(bytes(x.cast(ScalarType.F8_E4M3))));
  }

  /** Every wider float holds them exactly. */
  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"F64", "F32", "F16", "BF16"})
  void theWayThereAndBackChangesNothing(ScalarType wide) {
    Tensor eight = codes();
    assertArrayEquals(bytes(eight), bytes(eight.cast(wide).cast(ScalarType.F8_E4M3)));
    assertArrayEquals(eight.toFloats(), eight.cast(wide).toFloats());
  }

  @Test
  void theyAreMadePrintedAndMoved() {
    Tensor x =
        engine.tensor(new float[] {1, -2.5f, 1000, 0.3f, 0, 7}, 2, 3).cast(ScalarType.F8_E4M3);
    assertEquals("Tensor [2, 3] F8_E4M3", x.toString());
    assertEquals(6, x.spec().byteSize());
    float[] rounded = {1, -2.5f, 448, 0.3125f, 0, 7};
    assertArrayEquals(rounded, x.toFloats());
    assertArrayEquals(new long[] {1, -2, 448, 0, 0, 7}, x.toLongs());
    assertArrayEquals(
        new float[] {1, 0.3125f, -2.5f, 0, 448, 7}, x.transpose().contiguous().toFloats());
    assertArrayEquals(new float[] {3.25f}, engine.full(ScalarType.F8_E4M3, 3.3, 1).toFloats());
    Tensor ids = engine.tensor(new long[] {1, 0, 1});
    float[] rows = {0.3125f, 0, 7, 1, -2.5f, 448, 0.3125f, 0, 7};
    assertArrayEquals(rows, x.embedding(ids, ScalarType.F32).toFloats());
    assertArrayEquals(rows, x.embedding(ids, ScalarType.F8_E4M3).toFloats());
    assertEquals(ScalarType.F8_E4M3, DType.of("f8_e4m3"));
  }

  @Test
  void arithmeticIsRefusedWithTheRemedy() {
    Tensor x = codes();
    List<UnaryOperator<Tensor>> calls =
        List.of(
            t -> t.add(t),
            t -> t.mul(2),
            Tensor::neg,
            Tensor::exp,
            t -> t.lessEqual(t),
            t -> t.sum(),
            t -> t.max(false, 0),
            t -> t.argMax(0, false),
            t -> t.cumSum(0, false),
            t -> t.softmax(0),
            t -> t.arange(ScalarType.F8_E4M3, 3));
    for (UnaryOperator<Tensor> call : calls) {
      var e = assertThrows(DTypeException.class, () -> call.apply(x));
      assertTrue(e.getMessage().contains("F8_E4M3"), e.getMessage());
      assertTrue(e.getMessage().contains("cast to BF16 first"), e.getMessage());
    }
  }

  @Test
  void productsAreF32() {
    Tensor x = engine.normal(1, 3, 40).cast(ScalarType.F8_E4M3);
    Tensor w = engine.normal(2, 5, 40).cast(ScalarType.F8_E4M3);
    float[] y = x.cast(ScalarType.F32).linear(w.cast(ScalarType.F32)).toFloats();
    assertEquals(TensorSpec.of(ScalarType.F32, 3, 5), x.linear(w).spec());
    assertArrayEquals(y, x.linear(w).toFloats());
    assertArrayEquals(y, x.matmul(w.transpose()).toFloats());
    assertArrayEquals(y, x.cast(ScalarType.F32).linear(w).toFloats());
    assertEquals(ScalarType.BF16, x.cast(ScalarType.BF16).linear(w).dtype());
    assertThrows(DTypeException.class, () -> x.linear(w.cast(ScalarType.BF16)));
    assertThrows(DTypeException.class, () -> x.cast(ScalarType.F16).linear(w));
    assertThrows(DTypeException.class, () -> x.linear(w, engine.full(ScalarType.F8_E4M3, 1, 5)));
    assertThrows(DTypeException.class, () -> x.cast(ScalarType.F64).linear(w));
  }

  @Test
  void attentionSeesTheValuesOfKeys() {
    Tensor q = engine.normal(1, 2, 3, 4, 10);
    Tensor k = engine.normal(2, 2, 7, 2, 10).cast(ScalarType.F8_E4M3);
    Tensor v = engine.normal(3, 2, 7, 2, 6).cast(ScalarType.F8_E4M3);
    Attention op = new Attention(true, 0.2f, 0, 0, false, false, false);
    Tensor wideKeys = k.cast(ScalarType.F32);
    Tensor wideValues = v.cast(ScalarType.F32);
    float[] expected = q.attention(wideKeys, wideValues, op).toFloats();
    assertArrayEquals(expected, q.attention(k, v, op).toFloats());
    assertArrayEquals(expected, op.decompose(List.of(q, k, v)).getFirst().toFloats(), 1e-5f);
    Tensor half = q.cast(ScalarType.F16);
    assertThrows(DTypeException.class, () -> half.attention(k, v, op));
    assertThrows(DTypeException.class, () -> k.attention(k, v, op));
    try (Tape tape = engine.tape()) {
      tape.watch(q);
      float[] wide = gradient(tape, q, q.attention(wideKeys, wideValues, op));
      assertArrayEquals(wide, gradient(tape, q, q.attention(k, v, op)));
    }
  }

  private static float[] gradient(Tape tape, Tensor x, Tensor y) {
    return tape.backward(y.mul(y).sum()).of(x).toFloats();
  }

  /** As casts round, beyond the largest number too. */
  @Test
  void rowsAreWrittenAsACastGivesThem() {
    try (Buffer memory = engine.buffer("k", TensorSpec.of(ScalarType.F8_E4M3, 2, 5, 3, 7))) {
      Tensor rows = engine.normal(1, 2, 2, 3, 7).mul(300);
      Tensor starts = engine.tensor(new int[] {0, 3});
      Op write = new BufferOp.CacheWrite();
      engine.apply(write, List.of(memory.value(), rows, starts));
      Tensor written = memory.value();
      Tensor first = written.slice(0, 0, 1).slice(1, 0, 2);
      Tensor both = first.concat(0, written.slice(0, 1, 1).slice(1, 3, 2));
      assertArrayEquals(bytes(rows.cast(ScalarType.F8_E4M3)), bytes(both));
      assertArrayEquals(
          new float[] {448}, both.cast(ScalarType.F32).max(false, 0, 1, 2, 3).toFloats());
      float[] untouched = written.slice(0, 0, 1).slice(1, 2, 3).cast(ScalarType.F32).toFloats();
      assertArrayEquals(new float[3 * 3 * 7], untouched);
      engine.apply(write, List.of(memory.value(), both, engine.tensor(new int[] {2, 0})));
      assertArrayEquals(bytes(first), bytes(written.slice(0, 0, 1).slice(1, 2, 2)));
      Tensor halves = rows.cast(ScalarType.F16);
      assertThrows(
          DTypeException.class, () -> engine.apply(write, List.of(memory.value(), halves, starts)));
    }
  }

  /** Gradients pass through products with frozen weights, never through the rounding itself. */
  @Test
  void gradientsPassProductsAndNoRounding() {
    Tensor x = engine.normal(1, 3, 40);
    Tensor w = engine.normal(2, 5, 40).cast(ScalarType.F8_E4M3);
    try (Tape tape = engine.tape()) {
      tape.watch(x);
      float[] wide = tape.backward(x.linear(w.cast(ScalarType.F32)).sum()).of(x).toFloats();
      assertArrayEquals(wide, tape.backward(x.linear(w).sum()).of(x).toFloats());
      assertArrayEquals(wide, tape.backward(x.matmul(w.transpose()).sum()).of(x).toFloats());
      Tensor loss = x.cast(ScalarType.F8_E4M3).linear(w).sum();
      var e = assertThrows(GradientException.class, () -> tape.backward(loss));
      assertTrue(e.getMessage().contains("[linear] the quantised operand"), e.getMessage());
      assertThrows(GradientException.class, () -> tape.watch(w));
    }
  }
}

package dev.quern.core.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.PoolOp.AvgPool;
import dev.quern.core.op.PoolOp.MaxPool;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Calls that don't fit are refused under the name of the method that was called. */
class RefusalsTest {
  private final Engine engine = Engine.builder().kernels().build();
  private final Tensor x = engine.normal(1, 2, 3);
  private final Tensor q8 = engine.normal(2, 4, 64).cast(BlockType.Q8_0);

  private static String refused(Class<? extends QuernException> type, Executable call) {
    return assertThrows(type, call).getMessage();
  }

  private static void says(String message, String... parts) {
    for (String p : parts) {
      assertTrue(message.contains(p), message);
    }
  }

  @Test
  void blocksTakeNoConstants() {
    for (Executable call :
        new Executable[] {
          () -> q8.add(1.0), () -> q8.mul(2), () -> q8.fullLike(0), () -> q8.scalarLike(0)
        }) {
      says(refused(DTypeException.class, call), "Q8_0", "[4, 64]", "cast the tensor to F32");
    }
  }

  @Test
  void matmulNamesItsOperandsOnce() {
    assertEquals(
        "[matmul] inner dimensions differ: lhs=[2, 3] F32, rhs=[2, 3] F32;"
            + " need lhs[-1] == rhs[-2] (3 != 2)",
        refused(ShapeException.class, () -> x.matmul(x)));
  }

  @Test
  void viewsSpeakForThemselves() {
    assertEquals(
        "[select] index 3 is outside axis 1 of [2, 3] F32; take -3..2",
        refused(ShapeException.class, () -> x.select(1, 3)));
    says(refused(ShapeException.class, () -> x.select(0, -3)), "[select] index -3", "-2..1");
    assertEquals(
        "[split] lengths [2, 2] don't add up to the 3 of axis 1 of [2, 3] F32",
        refused(ShapeException.class, () -> x.split(1, 2, 2)));
    says(refused(ShapeException.class, () -> x.split(1, 4, -1)), "[split] lengths [4, -1]");
    says(refused(ShapeException.class, () -> x.split(1, 2)), "[split] lengths [2]");
    says(
        refused(ShapeException.class, () -> x.split(1, Long.MAX_VALUE, Long.MAX_VALUE, 5)),
        "[split]");
    says(refused(ShapeException.class, () -> x.sumTo(Shape.of(2))), "[sumTo] [2]", "[2, 3]");
    says(refused(ShapeException.class, () -> x.sumTo(Shape.of(1, 2, 3))), "[sumTo] [1, 2, 3]");
    says(refused(DTypeException.class, () -> q8.select(1, 0)), "[select]", "split a block");
    says(refused(DTypeException.class, () -> q8.split(1, 16, 48)), "[split]", "split a block");
    says(refused(DTypeException.class, () -> q8.slice(1, 0, 16)), "[slice]", "split a block");
    assertEquals(Shape.of(4, 32), q8.split(1, 32, 32).getLast().shape());
    assertEquals(Shape.of(3), x.select(0, -2).shape());
  }

  @Test
  void windowsOfNothingAreNoWindows() {
    List<Integer> none = List.of(0);
    List<Integer> one = List.of(1);
    Tensor line = engine.normal(3, 1, 1, 4);
    for (Executable call :
        new Executable[] {
          () -> line.maxPool(new MaxPool(one, none, none, one, false)),
          () -> line.maxPool(new MaxPool(none, one, none, one, false)),
          () -> line.maxPool(new MaxPool(one, one, none, none, false)),
          () -> line.avgPool(new AvgPool(one, none, none, true, true))
        }) {
      says(refused(ShapeException.class, call), "Pool] ", "stride, dilation >= 1");
    }
    assertEquals(line.shape(), line.maxPool(new MaxPool(one, one, none, one, false)).shape());
  }

  @Test
  void windowsThatFoldBeyondTheExtent() {
    Tensor windows = engine.normal(4, 3, 2); // 3 windows of 2
    assertEquals(Shape.of(6), windows.fold(0, 6, 2, 1).shape());
    assertEquals(Shape.of(4), windows.slice(0, 0, 1).fold(0, 4, 1L << 62, 3).shape());
    for (Executable call :
        new Executable[] {
          () -> windows.fold(0, 5, 2, 1),
          () -> windows.fold(0, 6, 2, 2),
          () -> windows.fold(0, 6, 1L << 62, 1),
          () -> windows.fold(0, 6, Long.MAX_VALUE, 1),
          () -> windows.fold(0, 6, 1, Long.MAX_VALUE),
          () -> windows.fold(0, 0, 1, 1)
        }) {
      says(refused(ShapeException.class, call), "[fold] ", "do not fit");
    }
  }

  @Test
  void anElementHasOneValue() {
    try (Buffer b = engine.buffer("b", TensorSpec.of(ScalarType.F32, 1, 6))) {
      Tensor repeated = b.value().expand(Shape.of(2, 6));
      says(
          refused(ShapeException.class, () -> repeated.assign(engine.normal(5, 2, 6))),
          "[assign] the target [2, 6] F32",
          "at two places");
      Tensor windows = b.value().windows(1, 2, 1, 1);
      says(refused(ShapeException.class, () -> windows.assign(engine.normal(6, 2))), "[assign]");
      b.value().windows(1, 2, 2, 1).assign(engine.tensor(new float[] {1, 2}));
      assertArrayEquals(new float[] {1, 2, 1, 2, 1, 2}, b.value().toFloats());
      assertEquals(1, b.version());
    }
  }

  /** What is assigned is what it was, though it lies in the memory that is written to. */
  @Test
  void viewsOfOneBufferMove() {
    try (Buffer b = engine.buffer("b", TensorSpec.of(ScalarType.F32, 5))) {
      b.assign(engine.tensor(new float[] {1, 2, 3, 4, 5}));
      b.value().slice(0, 1, 4).assign(b.value().slice(0, 0, 4));
      assertArrayEquals(new float[] {1, 1, 2, 3, 4}, b.value().toFloats());
      b.assign(b.value().slice(0, 4, 5, -1));
      assertArrayEquals(new float[] {4, 3, 2, 1, 1}, b.value().toFloats());
      b.value().slice(0, 0, 4).assign(b.value().slice(0, 1, 4));
      assertArrayEquals(new float[] {3, 2, 1, 1, 1}, b.value().toFloats());
    }
  }
}

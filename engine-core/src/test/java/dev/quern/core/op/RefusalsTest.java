package dev.quern.core.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
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
}

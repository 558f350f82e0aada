package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import org.junit.jupiter.api.Test;

/** Products of more rows than a grid's second axis has tiles. */
class PortableMatMulTest {
  private static final int MOST = 65_535 * 64; // rows of a launch

  private final Engine cuda = EmulatedDevice.engine(Engine.builder());

  @Test
  void manyRowsAreSeveralLaunches() {
    try (TensorScope _ = TensorScope.open()) {
      int m = MOST + 70;
      Tensor x = cuda.arange(ScalarType.F32, 0, 1, m).reshape(m, 1);
      float[] y = x.linear(cuda.tensor(new float[] {2}, 1, 1)).toFloats();
      for (int i : new int[] {0, 1, MOST - 1, MOST, m - 1}) {
        assertEquals(2f * i, y[i], "row " + i);
      }
    }
  }

  @Test
  void manyRowsOfSeveralProductsAreRefused() {
    try (TensorScope _ = TensorScope.open()) {
      Tensor x = cuda.full(ScalarType.F32, 1, 2, MOST + 1, 1);
      Tensor w = cuda.full(ScalarType.F32, 1, 2, 1, 1);
      NotSupportedException e = assertThrows(NotSupportedException.class, () -> x.matmul(w));
      assertTrue(e.getMessage().contains("split the rows"), e.getMessage());
    }
  }
}

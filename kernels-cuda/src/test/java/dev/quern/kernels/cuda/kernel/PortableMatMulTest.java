package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** Products of more rows than a launch has room for, emulated. */
class PortableMatMulTest {
  private static final int TILES = 2; // in the place of 65,535

  private static TensorView tensor(Arena arena, long... dims) {
    Shape shape = Shape.of(dims);
    MemorySegment memory = arena.allocate(shape.elements() * Float.BYTES, 16);
    for (long i = 0; i < shape.elements(); i++) {
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, Math.floorMod(i * 31 + i / 7, 9) - 4);
    }
    return new TensorView(ScalarType.F32, Layout.contiguous(shape), memory);
  }

  private static float[] product(PortableMatMul kernel, boolean tensorCores) {
    try (Arena arena = Arena.ofConfined()) {
      TensorView a = tensor(arena, 3, 2, 300, 7);
      TensorView b = tensor(arena, 2, 7, 5);
      TensorView c = tensor(arena, 3, 2, 300, 5);
      kernel.bind(Product.matMul(a, b, c, Epilogue.NONE), tensorCores).run();
      return c.segment().toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  @Test
  void manyRowsAreSeveralLaunches() {
    PortableMatMul few = new PortableMatMul(EmulatedDevice.bare(), TILES);
    PortableMatMul whole = new PortableMatMul(EmulatedDevice.bare());
    assertArrayEquals(product(whole, false), product(few, false));
    assertArrayEquals(product(whole, true), product(few, true));
  }
}

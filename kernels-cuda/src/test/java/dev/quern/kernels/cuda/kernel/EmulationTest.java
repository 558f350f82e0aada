package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.FunctionAttribute;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.kernel.Walk.Operand;
import dev.quern.kernels.cuda.launch.Params;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a device answers with an error, and the emulation must not let pass. */
class EmulationTest {
  private static final int N = 8;

  private final EmulatedDriver driver = new EmulatedDriver(Emulation.library());
  private long module;

  @BeforeEach
  void begin() {
    driver.makeCurrent(driver.retainPrimaryContext(0));
    module = driver.moduleLoad(new byte[0]);
  }

  private void copy(MemorySegment struct) {
    driver.launch(driver.function(module, "quern_copy_4"), Grid.of(1, 256), struct, 0);
  }

  @Test
  void vectorsThatAreNotAlignedEndTheLaunch() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = arena.allocate((N + 1) * Float.BYTES, 16);
      MemorySegment y = arena.allocate(N * Float.BYTES, 16);
      x.setAtIndex(ValueLayout.JAVA_FLOAT, N - 1, 3);
      Layout l = Layout.contiguous(Shape.of(N));
      Operand[] operands = {new Operand(y, Float.BYTES, l), new Operand(x, Float.BYTES, l)};
      MemorySegment struct =
          Walk.over(l.shape(), 4, operands).getFirst().write(new Params()).build();
      copy(struct);
      assertEquals(3, y.getAtIndex(ValueLayout.JAVA_FLOAT, N - 1));
      struct.set(ValueLayout.JAVA_LONG, struct.byteSize() - Long.BYTES, x.address() + Float.BYTES);
      AssertionError e = assertThrows(AssertionError.class, () -> copy(struct));
      assertTrue(e.getMessage().contains("not aligned"), e.getMessage());
    }
  }

  @Test
  void sharedMemoryBeyond48KiBMustBeAskedFor() {
    long f = driver.function(module, "quern_copy_4");
    int bytes = 64 << 10;
    MemorySegment nothing = MemorySegment.ofArray(new byte[1 << 10]);
    Grid grid = Grid.of(1, 1).withShared(bytes);
    CudaDriverException e =
        assertThrows(CudaDriverException.class, () -> driver.launch(f, grid, nothing, 0));
    assertEquals("CUDA_ERROR_INVALID_VALUE", e.code());
    FunctionAttribute most = FunctionAttribute.MOST_DYNAMIC_SHARED_BYTES;
    driver.setFunctionAttribute(f, most, bytes);
    AssertionError other =
        assertThrows(AssertionError.class, () -> driver.launch(f, grid, nothing, 0));
    assertTrue(other.getMessage().contains("struct"), "it comes as far as the struct");
    assertThrows(CudaDriverException.class, () -> driver.setFunctionAttribute(f, most, 164 << 10));
  }
}

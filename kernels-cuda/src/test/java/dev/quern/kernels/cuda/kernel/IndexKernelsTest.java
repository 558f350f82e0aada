package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ScanOp;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.FakeDriver;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Launches of tensors that are too large to be computed in a test. */
class IndexKernelsTest {
  private final FakeDriver driver = new FakeDriver();

  private static TensorView view(DType type, long... dims) {
    return new TensorView(type, Layout.contiguous(Shape.of(dims)), MemorySegment.NULL);
  }

  private Grid indexAdd(long places, long beside) {
    driver.kernels.put("quern_index_add_f32", (_, _) -> {});
    CudaDevice device =
        new CudaDevice(driver, 0, m -> ("image of " + m).getBytes(StandardCharsets.UTF_8));
    TensorView x = view(ScalarType.F32, places, beside);
    KernelArgs args =
        new KernelArgs(
            new ScatterOp.IndexAdd(0),
            List.of(x, view(ScalarType.I32, 5), view(ScalarType.F32, 5, beside)),
            List.of(x),
            Precision.AUTO,
            TaskPool.shared(),
            MemorySegment.NULL);
    new IndexKernels(device, new CopyKernels(device)).indexAdd(args).run();
    return driver.grids.getLast();
  }

  @Test
  void sumsBesideMoreThanASecondAxisTakesHaveAGrid() {
    assertEquals(Grid.of(1, 256), indexAdd(8, 32));
    assertEquals(Grid.of(2 * 65_537, 256), indexAdd(16, 65_536L * 32 + 1));
    assertEquals(Grid.of(16_032L * 12_500, 256), indexAdd(128_256, 400_000));
  }

  @Test
  void moreThanAnyGridTakesIsRefused() {
    NotSupportedException e =
        assertThrows(NotSupportedException.class, () -> indexAdd(1L << 20, 1L << 30));
    assertTrue(e.getMessage().startsWith("[indexAdd] [1048576, 1073741824] F32"), e::getMessage);
    IllegalArgumentException grid =
        assertThrows(IllegalArgumentException.class, () -> Grid.of(1L << 31, 32));
    assertTrue(grid.getMessage().contains("2147483648 blocks"), grid::getMessage);
  }

  private List<Grid> argSort(long n) {
    for (String kernel : List.of("sort_keys_u8", "sort_step", "sort_finish")) {
      driver.kernels.put("quern_" + kernel, (_, _) -> {});
    }
    CudaDevice device =
        new CudaDevice(driver, 0, m -> ("image of " + m).getBytes(StandardCharsets.UTF_8));
    KernelArgs args =
        new KernelArgs(
            new ScanOp.ArgSort(0, false),
            List.of(view(ScalarType.U8, n)),
            List.of(view(ScalarType.I64, n)),
            Precision.AUTO,
            TaskPool.shared(),
            MemorySegment.NULL);
    new ScanKernels(device).argSort(args).run();
    return driver.grids;
  }

  @Test
  void aLineOfMoreThanAQuarterOfAllNumbersIsSorted() {
    List<Grid> grids = argSort((1L << 30) + 1);
    assertEquals(1 + 31 * 32 / 2 + 1, grids.size());
    assertEquals(Grid.of(1 << 23, 256), grids.getFirst());
    assertEquals(Grid.of(1 << 22, 256), grids.get(1));
    assertEquals(Grid.of((1 << 22) + 1, 256), grids.getLast());
  }

  @Test
  void aLineThatIsLongerThanAKernelTakesIsRefused() {
    NotSupportedException e = assertThrows(NotSupportedException.class, () -> argSort(1L << 31));
    assertTrue(e.getMessage().contains("1 lines of 2147483648 elements"), e::getMessage);
  }
}

package dev.quern.kernels.cuda.kernel;

import dev.quern.core.type.DType;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.List;

/** {@code epilogue.cu}: epilogues of products whose kernels have none of their own. */
final class EpilogueKernel {
  private static final int THREADS = 256;
  private static final int GROUP_BYTES = 16;

  private final CudaDevice device;

  EpilogueKernel(CudaDevice device) {
    this.device = device;
  }

  /** A product without its epilogue, and the epilogue, if it has one. */
  Runnable after(Runnable plain, Product p) {
    if (p.epilogue().isNone()) {
      return plain;
    }
    DType type = p.type();
    Params s = new Params().address(p.c()).int64(p.results());
    p.epilogue().write(s);
    long groups = Math.ceilDiv(p.results(), (long) (GROUP_BYTES / type.blockBytes()));
    Grid grid = Grid.over(groups, THREADS);
    Runnable call = Launches.of(device, "epilogue", "epilogue_" + Launches.name(type), grid, s);
    return Launches.inOrder(List.of(plain, call));
  }
}

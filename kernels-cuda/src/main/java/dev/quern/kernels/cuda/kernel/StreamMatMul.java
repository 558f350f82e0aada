package dev.quern.kernels.cuda.kernel;

import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.util.Set;

/**
 * Products of up to 16 rows of F32 whose factors keep all their bits, by {@code matmul_stream.cu}:
 * both operands' k lies together, in rows aligned to 16 bytes.
 */
final class StreamMatMul {
  private static final Set<ScalarType> WEIGHTS =
      Set.of(ScalarType.F32, ScalarType.F16, ScalarType.BF16);

  private static final int FEW_ROWS = 4;
  private static final int MOST_ROWS = 8; // of a block
  private static final int COLUMNS = 4;
  private static final int THREADS = 128;

  private final CudaDevice device;

  StreamMatMul(CudaDevice device) {
    this.device = device;
  }

  /** Whether it takes a product. */
  static boolean takes(Product p) {
    return p.a().type() == ScalarType.F32
        && p.type() == ScalarType.F32
        && p.w().type() instanceof ScalarType w
        && WEIGHTS.contains(w)
        && SkinnyMatMul.isStreamed(p);
  }

  /** The product without its epilogue. */
  NamedRunnable bind(Product p) {
    int rows = p.m() == 1 ? 1 : p.m() <= FEW_ROWS ? FEW_ROWS : MOST_ROWS;
    long blocks = Math.ceilDiv(p.n(), (long) COLUMNS) * Math.ceilDiv(p.m(), (long) rows);
    Grid grid = new Grid(Math.toIntExact(blocks), 1, (int) p.batches(), THREADS, 0);
    String kernel = "matmul_stream_%d_%s".formatted(rows, Launches.name(p.w().type()));
    return new NamedRunnable(
        "exact %dx%d".formatted(rows, COLUMNS),
        Launches.of(device, "matmul_stream", kernel, grid, PortableMatMul.params(p, 0)));
  }
}

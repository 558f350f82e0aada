package dev.quern.kernels.cuda.kernel;

import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.ArrayList;
import java.util.List;

/**
 * Products of any strides on every device: {@code matmul_tiled.cu} where F32 must stay F32, {@code
 * matmul_mma.cu} where both operands have 16 bits or 8, or may be rounded to BF16.
 */
final class PortableMatMul {
  private static final int SMALL_TILE = 64;
  private static final int LARGE_TILE = 128;
  private static final int TILED_THREADS = 256;
  private static final int SMALL_THREADS = 128;
  private static final int LARGE_THREADS = 256;
  private static final int ENOUGH_BLOCKS = 128; // large tiles for which a device is busy
  private static final int MOST_BATCH = 65_535;

  private final CudaDevice device;

  PortableMatMul(CudaDevice device) {
    this.device = device;
  }

  /** The product without its epilogue. */
  Runnable bind(Product p, boolean tensorCores) {
    String types = Launches.name(p.a().type()) + "_" + Launches.name(p.w().type());
    long blocks =
        Math.ceilDiv(p.m(), (long) LARGE_TILE)
            * Math.ceilDiv(p.n(), (long) LARGE_TILE)
            * p.batches();
    boolean large = tensorCores && blocks >= ENOUGH_BLOCKS;
    int tile = large ? LARGE_TILE : SMALL_TILE;
    String kernel = tensorCores ? (large ? "matmul_mma_large_" : "matmul_mma_") : "matmul_";
    int threads = tensorCores ? (large ? LARGE_THREADS : SMALL_THREADS) : TILED_THREADS;
    List<Runnable> calls = new ArrayList<>();
    for (long first = 0; first < p.batches(); first += MOST_BATCH) {
      Grid grid =
          new Grid(
              Math.toIntExact(Math.ceilDiv(p.n(), (long) tile)),
              Math.toIntExact(Math.ceilDiv(p.m(), (long) tile)),
              (int) Math.min(MOST_BATCH, p.batches() - first),
              threads,
              0);
      calls.add(
          Launches.of(
              device,
              tensorCores ? "matmul_mma" : "matmul_tiled",
              kernel + types,
              grid,
              params(p, first)));
    }
    return Launches.inOrder(calls);
  }

  /** {@code MatMulParams} from a product of the batch on. */
  static Params params(Product p, long first) {
    Params s =
        new Params()
            .address(p.a().address())
            .address(p.w().address())
            .address(p.bias())
            .address(p.c())
            .int64s(p.a().row(), p.a().step(), p.w().row(), p.w().step())
            .int64(p.biasStep())
            .int32(Math.toIntExact(p.m()))
            .int32(Math.toIntExact(p.n()))
            .int32(Math.toIntExact(p.k()))
            .int32(p.batch().rank());
    p.batch().writeDims(s, p.batch().rank());
    p.batch().writeStrides(s, 0, p.batch().rank());
    p.batch().writeStrides(s, 1, p.batch().rank());
    return s.int32((int) first).int32(0);
  }
}

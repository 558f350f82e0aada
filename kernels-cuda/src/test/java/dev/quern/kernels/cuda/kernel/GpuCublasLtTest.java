package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.core.op.Tensor;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.GpuDevice;
import dev.quern.kernels.cuda.OnGpu;
import dev.quern.kernels.cuda.driver.CublasLt;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** cuBLASLt's products on the device, in plans; skipped where the library is not installed. */
@OnGpu
class GpuCublasLtTest {
  private static final int DRIVER = 13; // libraries up to this version of CUDA are looked for

  private final MatMulCheck lt = new MatMulCheck(device());

  private static DeviceProvider device() {
    Optional<CublasLt> library = CublasLt.find(DRIVER);
    assumeTrue(library.isPresent(), "there is no cuBLASLt on this machine");
    return GpuDevice.showing(8, d -> new CudaKernels(d, MatMulChoice.CUBLASLT, () -> library));
  }

  @ParameterizedTest
  @CsvSource({"24, 40, 24", "256, 512, 136", "1000, 264, 72"})
  void ordersOfOperands(int m, int n, int k) {
    long[] mk = {m, k};
    long[] km = {k, m};
    long[] nk = {n, k};
    long[] kn = {k, n};
    lt.product("cublasLt", ScalarType.BF16, mk, nk, Tensor::linear);
    lt.product("cublasLt", ScalarType.F16, mk, kn, Tensor::matmul);
    lt.product("cublasLt", ScalarType.F16, km, kn, (a, b) -> a.transpose().matmul(b));
    lt.product("cublasLt", ScalarType.BF16, km, nk, (a, b) -> a.transpose().matmul(b.transpose()));
  }

  @Test
  void batches() {
    long[] left = {3, 24, 40};
    lt.product("cublasLt", ScalarType.BF16, left, new long[] {3, 40, 8}, Tensor::matmul);
    lt.product("cublasLt", ScalarType.BF16, left, new long[] {40, 8}, Tensor::matmul);
  }
}

import dev.quern.core.spi.DeviceProvider;
import dev.quern.kernels.cuda.CudaProvider;

/** The CUDA backend, through the driver API. */
module dev.quern.kernels.cuda {
  requires transitive dev.quern.core;
  requires static org.jspecify;
  requires jcuda;

  exports dev.quern.kernels.cuda;

  provides DeviceProvider with
      CudaProvider;
}

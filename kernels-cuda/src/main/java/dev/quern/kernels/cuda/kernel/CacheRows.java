package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;

/**
 * Where new rows of a cache go, and what is said if there is no room: the struct of {@code
 * cache.cuh}.
 */
final class CacheRows {
  private CacheRows() {}

  /**
   * Appends the struct.
   *
   * @param p what is written to
   * @param device where wrong values are noted
   * @param cache [b, capacity, h, d]
   * @param unitBytes what its strides are counted in
   * @param starts [b] I32: each sequence's first new row
   * @param tokens new rows of each sequence
   */
  static void write(
      Params p,
      CudaDevice device,
      TensorView cache,
      int unitBytes,
      TensorView starts,
      long tokens) {
    p.address(device.status())
        .int64(device.site("cacheWrite", "starts"))
        .address(Launches.start(starts))
        .int64(starts.layout().stride(0))
        .int64(cache.strideBytes(1) / unitBytes)
        .int32(Math.toIntExact(cache.shape().dim(0)))
        .int32(Math.toIntExact(tokens))
        .int32(Math.toIntExact(cache.shape().dim(1)))
        .int32(0);
  }
}

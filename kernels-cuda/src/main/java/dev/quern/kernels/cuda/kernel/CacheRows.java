package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import org.jspecify.annotations.Nullable;

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
   * @param cache [b, capacity, h, d], or with pages [pages, size, h, d]
   * @param unitBytes what its strides are counted in
   * @param starts [b] I32: each sequence's first new row
   * @param pages [b, n] I32, or null
   * @param tokens new rows of each sequence
   */
  static void write(
      Params p,
      CudaDevice device,
      TensorView cache,
      int unitBytes,
      TensorView starts,
      @Nullable TensorView pages,
      long tokens) {
    long size = cache.shape().dim(1);
    long capacity = pages == null ? size : pages.shape().dim(1) * size;
    p.address(device.status())
        .int64(device.site("cacheWrite", "starts"))
        .address(Launches.start(starts))
        .int64(starts.layout().stride(0))
        .int64(cache.strideBytes(1) / unitBytes)
        .int32(Math.toIntExact(starts.shape().dim(0)))
        .int32(Math.toIntExact(tokens))
        .int32(Math.toIntExact(capacity))
        .int32(Math.toIntExact(size))
        .address(pages == null ? 0 : Launches.start(pages))
        .int64(pages == null ? 0 : pages.layout().stride(0))
        .int64(pages == null ? 0 : pages.layout().stride(1))
        .int64(cache.strideBytes(0) / unitBytes)
        .int32(Math.toIntExact(cache.shape().dim(0)))
        .int32(device.site("cacheWrite", "pages"));
  }

  /**
   * From line to line of a cache [b, capacity, ...] or [pages, size, ...]: whose row a line is in
   * pages, the kernel finds out.
   *
   * @param cache the cache
   * @param unitBytes what strides are counted in
   * @param axes how many of its first axes lines have
   * @param paged whether it is in pages
   * @return strides
   */
  static long[] strides(TensorView cache, int unitBytes, int axes, boolean paged) {
    long[] strides = new long[axes];
    for (int a = paged ? 2 : 0; a < axes; a++) {
      strides[a] = cache.strideBytes(a) / unitBytes;
    }
    return strides;
  }
}

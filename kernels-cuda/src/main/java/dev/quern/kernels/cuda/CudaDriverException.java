package dev.quern.kernels.cuda;

import java.io.Serial;

/** A driver call that did not return CUDA_SUCCESS. */
final class CudaDriverException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  private final String code;

  CudaDriverException(String call, String code) {
    super(call + " returned " + code);
    this.code = code;
  }

  /** The result's name, for example CUDA_ERROR_NO_DEVICE. */
  String code() {
    return code;
  }
}

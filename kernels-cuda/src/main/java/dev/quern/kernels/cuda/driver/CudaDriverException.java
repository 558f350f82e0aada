package dev.quern.kernels.cuda.driver;

import java.io.Serial;

/** A driver call that did not return CUDA_SUCCESS. */
public final class CudaDriverException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  /** What the driver returns when there is no memory, on the device or pinned. */
  public static final String OUT_OF_MEMORY = "CUDA_ERROR_OUT_OF_MEMORY";

  private final String code;

  /**
   * A refusal.
   *
   * @param call the driver's function
   * @param code the result's name
   */
  public CudaDriverException(String call, String code) {
    super(call + " returned " + code);
    this.code = code;
  }

  /**
   * The result's name.
   *
   * @return for example CUDA_ERROR_NO_DEVICE
   */
  public String code() {
    return code;
  }

  /**
   * Whether memory ran out, after which everything else goes on.
   *
   * @return true for {@link #OUT_OF_MEMORY}
   */
  public boolean isOutOfMemory() {
    return code.equals(OUT_OF_MEMORY);
  }
}

package dev.quern.kernels.cuda.driver;

import java.lang.reflect.InvocationTargetException;

/** Loads the driver when it is first wanted, by name, so that its absence is an answer. */
public final class DriverLoader {
  private static final String CALLS = "dev.quern.kernels.cuda.driver.JCudaDriverCalls";

  private DriverLoader() {}

  /**
   * The driver of this machine.
   *
   * @return the driver, initialised
   * @throws CudaDriverException if it refuses
   * @throws LinkageError if it, or JCuda's glue, is not there
   * @throws IllegalStateException if the installation is incomplete
   */
  public static CudaDriver load() {
    try {
      return Class.forName(CALLS)
          .asSubclass(CudaDriver.class)
          .getDeclaredConstructor()
          .newInstance();
    } catch (InvocationTargetException e) {
      Throwable cause = e.getCause();
      if (cause instanceof CudaDriverException refused) {
        throw refused;
      }
      if (cause instanceof LinkageError error) {
        throw error;
      }
      throw new IllegalStateException("JCuda failed to start", e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("the CUDA backend is incomplete: " + CALLS, e);
    }
  }
}

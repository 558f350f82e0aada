package dev.quern.kernels.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
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
   * @throws UnsatisfiedLinkError if there is none: names the library
   * @throws IllegalStateException if JCuda's glue, or another part of this backend, is not there
   */
  public static CudaDriver load() {
    requireLibrary();
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
      throw new IllegalStateException("JCuda failed to start: " + cause, e);
    } catch (LinkageError e) {
      throw new IllegalStateException(
          DriverSymbols.LIBRARY + " is there, and JCuda's glue did not load: " + e.getMessage(), e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("the CUDA backend is incomplete: " + CALLS, e);
    }
  }

  /** JCuda's own message would be of its glue, which needs the library. */
  @SuppressWarnings("restricted")
  private static void requireLibrary() {
    try {
      SymbolLookup.libraryLookup(DriverSymbols.LIBRARY, Arena.global());
    } catch (IllegalArgumentException e) {
      UnsatisfiedLinkError missing =
          new UnsatisfiedLinkError(DriverSymbols.LIBRARY + " was not found");
      missing.initCause(e);
      throw missing;
    }
  }
}

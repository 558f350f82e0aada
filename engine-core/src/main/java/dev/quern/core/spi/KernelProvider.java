package dev.quern.core.spi;

import dev.quern.core.memory.PageMover;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A family of kernels for one kind of device, found by {@link java.util.ServiceLoader}.
 *
 * <p>The class itself must load anywhere: no field, parameter or supertype from an optional module.
 * It probes first and loads its kernels afterwards.
 */
public interface KernelProvider {
  /**
   * Its name in {@code explain} and overrides.
   *
   * @return for example {@code native}, {@code vector}, {@code reference}
   */
  String name();

  /**
   * The kind of device whose memory its kernels work on.
   *
   * @return {@code cpu} or {@code cuda}
   */
  default String device() {
    return "cpu";
  }

  /**
   * Who is asked first: the provider of the highest priority.
   *
   * @return reference 0, vector 100, native 200
   */
  int priority();

  /**
   * Whether it can be used here. Never throws.
   *
   * @return usable, or refused with reason and remedy
   */
  Probe probe();

  /**
   * A kernel for a signature. Only called if {@link #probe()} was usable; the answer is cached.
   *
   * @param signature operation, dtypes, layout classes, precision
   * @return the kernel, or null if it has none
   */
  @Nullable Kernel find(KernelSignature signature);

  /**
   * A loop that measures a limit of this machine. Only called if {@link #probe()} was usable.
   *
   * @param ceiling which limit
   * @return the loop, or null if it has none or the processor lacks the unit
   */
  default @Nullable CeilingLoop ceiling(Ceiling ceiling) {
    return null;
  }

  /**
   * What puts mapped memory into larger pages. Only called if {@link #probe()} was usable.
   *
   * @return the mover, or null if it has none
   */
  default @Nullable PageMover pageMover() {
    return null;
  }

  /**
   * Asks the system for larger pages for memory of this process that it will go on using: contents
   * and address stay, others may use the memory meanwhile. Only called if {@link #probe()} was
   * usable.
   *
   * @param memory not of a file
   * @return false if nothing came of it, which costs speed alone
   */
  default boolean largePages(MemorySegment memory) {
    return false;
  }
}

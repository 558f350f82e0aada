package dev.quern.core.spi;

import java.lang.foreign.MemorySegment;

/**
 * A loop that measures a {@link Ceiling}: it keeps one unit of the processor busy and does nothing
 * else. Any number of threads may run it, each on memory of its own.
 */
public interface CeilingLoop {
  /** The fewest bytes of memory that a loop gets. */
  long LEAST_BYTES = 4096;

  /**
   * Whose it is, and in which instruction set.
   *
   * @return for example {@code native avx512}
   */
  String name();

  /**
   * Runs it.
   *
   * @param memory what is read: all of it in each round by the loops that read, its first {@link
   *     #LEAST_BYTES} once by those that work in registers; starts on a 64-byte boundary
   * @param rounds how often, at least 1
   * @return the work done: bytes read, or operations (a multiplication and an addition are two)
   */
  long run(MemorySegment memory, long rounds);

  /**
   * Makes memory as fast as it gets, where that can be asked for: large pages.
   *
   * @param memory will be given to {@link #run}
   */
  default void prepare(MemorySegment memory) {}
}

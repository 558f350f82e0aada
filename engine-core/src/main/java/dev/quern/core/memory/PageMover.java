package dev.quern.core.memory;

import java.lang.foreign.MemorySegment;

/**
 * Puts mapped memory into larger pages. The pages of a mapped file are small, and a stream over
 * small pages spends up to a fifth of its time on translating addresses.
 */
@FunctionalInterface
public interface PageMover {
  /**
   * Moves memory; its address and its bytes stay, other threads may read it meanwhile.
   *
   * @param mapped memory that nobody writes, and that stays mapped meanwhile
   * @return false if the system doesn't allow it; then nothing has changed
   */
  boolean move(MemorySegment mapped);
}

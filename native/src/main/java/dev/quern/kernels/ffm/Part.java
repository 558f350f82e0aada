package dev.quern.kernels.ffm;

import dev.quern.core.spi.TaskPool;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** A part of a call: slices that any threads compute in any order. */
interface Part extends TaskPool.Task {
  /** How many slices; depends on shapes alone. */
  int slices();

  /**
   * The streams that a slice begins with, read once and by no other slice: what {@link Ahead}
   * fetches. None by default.
   */
  default List<MemorySegment> streams(int slice) {
    return List.of();
  }
}

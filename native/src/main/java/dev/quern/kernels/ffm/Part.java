package dev.quern.kernels.ffm;

import dev.quern.core.spi.TaskPool;

/** A part of a call: slices that any threads compute in any order. */
interface Part extends TaskPool.Task {
  /** How many slices; depends on shapes alone. */
  int slices();
}

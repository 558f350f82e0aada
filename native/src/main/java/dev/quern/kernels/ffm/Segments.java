package dev.quern.kernels.ffm;

import java.lang.foreign.MemorySegment;

/** Parts of segments. */
final class Segments {
  private Segments() {}

  /** The segment itself where nothing is cut off: a decode step then allocates nothing. */
  static MemorySegment from(MemorySegment s, long offset) {
    return offset == 0 ? s : s.asSlice(offset);
  }
}

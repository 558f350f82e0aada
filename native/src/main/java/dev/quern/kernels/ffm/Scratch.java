package dev.quern.kernels.ffm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Working memory of running slices, kept between them. A slice takes a segment and gives it back;
 * as many exist as slices ever ran at once. Lock-free; what does not fit is left to the collector.
 */
final class Scratch {
  private static final AtomicReferenceArray<MemorySegment> FREE = new AtomicReferenceArray<>(64);

  private Scratch() {}

  /** At least {@code bytes}, 64-byte aligned, contents arbitrary. */
  static MemorySegment take(long bytes) {
    for (int i = 0; i < FREE.length(); i++) {
      if (FREE.getPlain(i) != null) {
        MemorySegment s = FREE.getAndSet(i, null);
        if (s != null && s.byteSize() >= bytes) {
          return s;
        }
      }
    }
    return Arena.ofAuto().allocate(bytes, 64);
  }

  /** Gives back what {@link #take} gave. */
  static void give(MemorySegment scratch) {
    for (int i = 0; i < FREE.length(); i++) {
      if (FREE.getPlain(i) == null && FREE.compareAndSet(i, null, scratch)) {
        return;
      }
    }
  }
}

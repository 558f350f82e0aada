package dev.quern.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Working memory for slices that run at the same time: as many equal parts as slices can be under
 * way at once, handed out and taken back without allocation. A thread tends to get the part again
 * that is still in its cache. Which part a slice gets never shows in its result.
 */
final class Slots {
  /** The most slices of one call that compute at once; more threads wait their turn. */
  static final int MAX = 64;

  private final MemorySegment scratch;
  private final long offsetBytes;
  private final long slotBytes;
  private final int count;
  private final AtomicLong free;

  /**
   * @param scratch the call's working memory
   * @param offsetBytes where the parts begin
   * @param slotBytes size of a part
   * @param slices how many slices the call has
   */
  Slots(MemorySegment scratch, long offsetBytes, long slotBytes, int slices) {
    this.count = count(slices);
    assert scratch.byteSize() >= offsetBytes + count * slotBytes;
    this.scratch = Segments.direct(scratch);
    this.offsetBytes = offsetBytes;
    this.slotBytes = slotBytes;
    this.free = new AtomicLong(count == 64 ? -1 : (1L << count) - 1);
  }

  /** How many parts there are. */
  int count() {
    return count;
  }

  private static int count(int slices) {
    return Math.clamp(slices, 1, MAX);
  }

  /** Bytes to ask for. */
  static long bytes(long slotBytes, int slices) {
    return slotBytes * count(slices);
  }

  /** The whole working memory; parts are addressed by offsets into it. */
  MemorySegment segment() {
    return scratch;
  }

  /** Takes a part. */
  int take() {
    while (true) {
      long f = free.get();
      if (f == 0) {
        Thread.onSpinWait();
      } else if (free.compareAndSet(f, f & (f - 1))) {
        return Long.numberOfTrailingZeros(f);
      }
    }
  }

  /** Where a part begins, in bytes. */
  long offset(int slot) {
    return offsetBytes + slot * slotBytes;
  }

  /** Gives a part back. */
  void give(int slot) {
    free.getAndAccumulate(1L << slot, (a, b) -> a | b);
  }
}

package dev.quern.kernels.ffm;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Parts of a segment that a bound call hands to C at every run: made at their first use and kept,
 * so that a replay allocates nothing, whatever the JIT compiler can see through. Safe to share.
 */
final class Slices {
  /** Calls of more slices than this are large, and an object more or less doesn't count. */
  private static final int MOST = 8192;

  private final MemorySegment whole;
  private final @Nullable MemorySegment[] made;

  /**
   * No parts yet.
   *
   * @param whole what they are parts of
   * @param count how many there may be
   */
  Slices(MemorySegment whole, long count) {
    this.whole = whole;
    this.made = new @Nullable MemorySegment[count > MOST ? 0 : (int) count];
  }

  /**
   * A part, to the end of the whole.
   *
   * @param i which, 0 ≤ i &lt; count
   * @param offset bytes from the start; the same at every call for one i
   */
  MemorySegment get(long i, long offset) {
    if (made.length == 0) {
      return Segments.from(whole, offset);
    }
    MemorySegment s = made[(int) i];
    if (s == null) {
      s = Segments.from(whole, offset);
      made[(int) i] = s; // immutable: another thread sees all of it, or makes its own
    }
    return s;
  }
}

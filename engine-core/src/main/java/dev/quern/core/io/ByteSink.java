package dev.quern.core.io;

import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;

/** Takes the bytes of a file in their order. */
public interface ByteSink {

  /**
   * Appends bytes; they may be reused as soon as this returns.
   *
   * @param bytes any segment, on or off the heap, of any size
   * @throws UncheckedIOException if they can't be written
   */
  void write(MemorySegment bytes);

  /**
   * Appends bytes.
   *
   * @param bytes all are written
   * @throws UncheckedIOException if they can't be written
   */
  default void write(byte[] bytes) {
    write(MemorySegment.ofArray(bytes));
  }

  /**
   * How much was written so far.
   *
   * @return bytes
   */
  long position();

  /**
   * Appends zero bytes up to a multiple.
   *
   * @param alignment positive
   * @throws UncheckedIOException if they can't be written
   */
  default void padTo(int alignment) {
    int rest = (int) (position() % alignment);
    if (rest != 0) {
      write(new byte[alignment - rest]);
    }
  }
}

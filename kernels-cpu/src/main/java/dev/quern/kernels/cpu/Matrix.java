package dev.quern.kernels.cpu;

import dev.quern.core.type.DType;
import java.lang.foreign.MemorySegment;

/**
 * One operand of a matrix product as the packing loops see it: lines (rows of the left operand,
 * columns of the right one) of k elements.
 *
 * @param dtype element type
 * @param segment where they are
 * @param lineBytes from one line to the next
 * @param stepBytes from one k to the next; for block types, which only run along k, 0
 */
record Matrix(DType dtype, MemorySegment segment, long lineBytes, long stepBytes) {
  /** Whether a line has no gaps. */
  boolean linesContiguous() {
    return dtype.isBlock() || stepBytes == dtype.blockBytes();
  }

  /** Whether the elements of neighbouring lines for one k have no gaps. */
  boolean stepsContiguous() {
    return !dtype.isBlock() && lineBytes == dtype.blockBytes();
  }

  /** n elements of a line as F32: those from k on of the line at {@code line} bytes. */
  void load(long line, long k, int n, MemorySegment d, long to) {
    if (linesContiguous()) {
      Unpack.run(dtype, segment, line + dtype.bytes(k), d, to, n);
    } else {
      Convert.gather(dtype, segment, line + k * stepBytes, stepBytes, d, to, n);
    }
  }
}

package dev.quern.kernels.cpu;

import dev.quern.core.memory.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Segments as the compiled loops like them: all of one class.
 *
 * <p>A mapped file's segment is of another class than allocated memory. A loop that meets both
 * reads a type from each access and runs at half its speed (measured: 13 to 7 GB/s). A segment made
 * over a buffer view of mapped memory is of the common class, with the same lifetime and bounds.
 */
final class Segments {
  /** Unaligned scalars: views of files start anywhere. */
  static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED;

  static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED;
  static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED;
  static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED;
  static final ValueLayout.OfDouble F64 = ValueLayout.JAVA_DOUBLE_UNALIGNED;
  static final ValueLayout.OfByte I8 = ValueLayout.JAVA_BYTE;

  private Segments() {}

  /**
   * The memory of a view, of the common class where that can be had: from its lowest element to its
   * highest. Its first element is at {@link #start}.
   */
  static MemorySegment of(TensorView v) {
    long low = v.offsetBytes() - start(v);
    return direct(v.segment().asSlice(low, spanBytes(v)));
  }

  /** Bytes from the lowest element of a view to its first: 0 unless strides are negative. */
  static long start(TensorView v) {
    long bytes = 0;
    for (int a = 0; a < v.shape().rank(); a++) {
      if (v.layout().stride(a) < 0 && v.shape().dim(a) > 1) {
        bytes -= (v.shape().dim(a) - 1) * v.strideBytes(a);
      }
    }
    return v.shape().elements() == 0 ? 0 : bytes;
  }

  /** The same memory as a segment of the common class, if it is no larger than a buffer can be. */
  static MemorySegment direct(MemorySegment s) {
    boolean fits = s.byteSize() <= Integer.MAX_VALUE - 8 && s.byteSize() % 2 == 0;
    return s.isMapped() && fits && s.byteSize() > 0
        ? MemorySegment.ofBuffer(s.asByteBuffer().asShortBuffer())
        : s;
  }

  /** Bytes from the lowest element of a view to the end of its highest. */
  private static long spanBytes(TensorView v) {
    if (v.shape().elements() == 0) {
      return 0;
    }
    boolean run = !v.dtype().isBlock();
    long bytes = run ? v.dtype().blockBytes() : 0;
    for (int a = v.shape().rank() - 1; a >= 0; a--) {
      long extent = v.shape().dim(a);
      if (!run && v.layout().stride(a) == 1) {
        bytes += v.dtype().bytes(extent);
        run = true;
      } else if (extent > 1) {
        bytes += (extent - 1) * Math.abs(v.strideBytes(a));
      }
    }
    return bytes;
  }
}

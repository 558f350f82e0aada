package dev.quern.core.io.npy;

import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Brings elements into row-major order and little-endian. */
final class Reorder {
  private Reorder() {}

  /** Copies elements that lie first axis innermost to where they lie last axis innermost. */
  static void toRowMajor(MemorySegment from, MemorySegment to, Shape shape, int elementBytes) {
    int rank = shape.rank();
    long[] strides = new long[rank];
    long stride = elementBytes;
    for (int axis = 0; axis < rank; axis++) {
      strides[axis] = stride;
      stride *= Math.max(1, shape.dim(axis));
    }
    long[] index = new long[rank];
    long source = 0;
    for (long i = 0; i < shape.elements(); i++) {
      MemorySegment.copy(from, source, to, i * elementBytes, elementBytes);
      for (int axis = rank - 1; axis >= 0; axis--) {
        source += strides[axis];
        if (++index[axis] < shape.dim(axis)) {
          break;
        }
        source -= index[axis] * strides[axis];
        index[axis] = 0;
      }
    }
  }

  /** Reverses the bytes of every element in place. */
  static void swapBytes(MemorySegment data, int elementBytes) {
    for (long i = 0; i < data.byteSize(); i += elementBytes) {
      for (int low = 0, high = elementBytes - 1; low < high; low++, high--) {
        byte b = data.get(ValueLayout.JAVA_BYTE, i + low);
        data.set(ValueLayout.JAVA_BYTE, i + low, data.get(ValueLayout.JAVA_BYTE, i + high));
        data.set(ValueLayout.JAVA_BYTE, i + high, b);
      }
    }
  }
}

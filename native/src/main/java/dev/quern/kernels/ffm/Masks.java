package dev.quern.kernels.ffm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;

/** BOOL masks (true: visible) as F32 masks that are added to scores: 0 and −∞. */
final class Masks {
  private Masks() {}

  /** Bytes of the F32 mask of the same shape. */
  static long bytes(TensorView booleans) {
    return booleans.shape().elements() * Float.BYTES;
  }

  /** The F32 mask of the same shape without gaps, in given memory; not filled yet. */
  static TensorView additive(TensorView booleans, MemorySegment memory) {
    return new TensorView(ScalarType.F32, Layout.contiguous(booleans.shape()), memory);
  }

  /** Fills an F32 mask. */
  static void fill(TensorView booleans, TensorView mask) {
    Shape shape = booleans.shape();
    Layout from = booleans.layout();
    int last = shape.rank() - 1;
    long columns = last < 0 ? 1 : shape.dim(last);
    long stride = last < 0 ? 0 : from.stride(last);
    long[] index = new long[Math.max(last, 0)];
    for (long at = 0; at < shape.elements(); at += columns) {
      long row = from.offset();
      for (int a = 0; a < last; a++) {
        row += index[a] * from.stride(a);
      }
      for (long j = 0; j < columns; j++) {
        boolean visible = booleans.segment().get(JAVA_BYTE, row + j * stride) != 0;
        mask.segment().setAtIndex(JAVA_FLOAT, at + j, visible ? 0 : Float.NEGATIVE_INFINITY);
      }
      for (int a = last - 1; a >= 0 && ++index[a] == shape.dim(a); a--) {
        index[a] = 0;
      }
    }
  }
}

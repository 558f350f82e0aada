package dev.quern.core.reference;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;

/**
 * Elements moved as they are, bit for bit. What moves is a unit: an element, or a block of a block
 * type.
 */
final class Units {
  private Units() {}

  /** Copies one unit; positions count units. */
  static void copy(int bytes, MemorySegment from, long source, MemorySegment to, long target) {
    long s = source * bytes;
    long t = target * bytes;
    switch (bytes) {
      case 1 -> to.set(JAVA_BYTE, t, from.get(JAVA_BYTE, s));
      case 2 -> to.set(JAVA_SHORT_UNALIGNED, t, from.get(JAVA_SHORT_UNALIGNED, s));
      case 4 -> to.set(JAVA_INT_UNALIGNED, t, from.get(JAVA_INT_UNALIGNED, s));
      case 8 -> to.set(JAVA_LONG_UNALIGNED, t, from.get(JAVA_LONG_UNALIGNED, s));
      default -> MemorySegment.copy(from, s, to, t, bytes);
    }
  }

  /**
   * The layout of the units: the elements' own, or that of the blocks along the last axis.
   *
   * @throws NotSupportedException if the blocks run along another axis
   */
  static Layout layout(String what, DType type, Layout elements) {
    if (!type.isBlock()) {
      return elements;
    }
    int length = type.blockLength();
    Shape shape = elements.shape();
    if (elements.stride(-1) != 1 || shape.dim(-1) % length != 0) {
      throw new NotSupportedException(
          "["
              + what
              + "] the blocks of "
              + type.name()
              + " run along an axis other than the last of "
              + shape
              + "; use the tensor before it was transposed, or cast it to F32");
    }
    long[] strides = elements.strides();
    for (int a = 0; a < strides.length - 1; a++) {
      strides[a] /= length;
    }
    return Layout.of(shape.with(-1, shape.dim(-1) / length), strides, elements.offset() / length);
  }

  /** Copies everything; the source broadcasts to the target. Both may have any strides. */
  static void copyAll(String what, TensorView from, TensorView to) {
    Layout target = layout(what, to.dtype(), to.layout());
    Layout source = layout(what, from.dtype(), from.layout());
    Strided w = Strided.over(target.shape(), source, target);
    int bytes = from.dtype().blockBytes();
    long count = target.shape().elements();
    for (long i = 0; i < count; i++, w.next()) {
      copy(bytes, from.segment(), w.at(0), to.segment(), w.at(1));
    }
  }
}

package dev.quern.core.reference;

import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;

/**
 * A walk over the indices of a shape, last axis fastest, that knows where each operand's element
 * is. Strides may be 0 or negative.
 */
final class Strided {
  private final long[] dims;
  private final long[] index;
  private final long[][] strides;
  private final long[] start;
  private final long[] position;

  private Strided(long[] dims, long[][] strides, long[] start) {
    this.dims = dims;
    this.index = new long[dims.length];
    this.strides = strides;
    this.start = start;
    this.position = start.clone();
  }

  /** A walk over a shape; operands broadcast to it. */
  static Strided over(Shape shape, Layout... operands) {
    long[][] strides = new long[operands.length][];
    long[] start = new long[operands.length];
    for (int i = 0; i < operands.length; i++) {
      Layout l = operands[i].expand(shape);
      strides[i] = l.strides();
      start[i] = l.offset();
    }
    return new Strided(shape.dims(), strides, start);
  }

  /** Goes to an index, counted last axis fastest. */
  Strided seek(long linear) {
    System.arraycopy(start, 0, position, 0, start.length);
    long rest = linear;
    for (int a = dims.length - 1; a >= 0; a--) {
      index[a] = dims[a] == 0 ? 0 : rest % dims[a];
      rest = dims[a] == 0 ? 0 : rest / dims[a];
      for (int i = 0; i < position.length; i++) {
        position[i] += index[a] * strides[i][a];
      }
    }
    return this;
  }

  /** Goes to the next index; after the last one to the first. */
  void next() {
    for (int a = dims.length - 1; a >= 0; a--) {
      boolean carry = ++index[a] == dims[a];
      long steps = carry ? 1 - dims[a] : 1;
      for (int i = 0; i < position.length; i++) {
        position[i] += steps * strides[i][a];
      }
      if (!carry) {
        return;
      }
      index[a] = 0;
    }
  }

  /** Where the operand's element is in its storage. */
  long at(int operand) {
    return position[operand];
  }

  /** The present index on an axis. */
  long index(int axis) {
    return index[axis];
  }

  /** The layout of the first elements of all lines along an axis. */
  static Layout without(Layout layout, int axis) {
    int gone = layout.shape().axis(axis);
    int rank = layout.shape().rank();
    int[] kept = new int[rank - 1];
    for (int a = 0; a < kept.length; a++) {
      kept[a] = a < gone ? a : a + 1;
    }
    return only(layout, kept);
  }

  /** The layout of some axes, the others at index 0. */
  static Layout only(Layout layout, int... axes) {
    long[] dims = new long[axes.length];
    long[] strides = new long[axes.length];
    for (int i = 0; i < axes.length; i++) {
      dims[i] = layout.shape().dim(axes[i]);
      strides[i] = layout.stride(axes[i]);
    }
    return Layout.of(Shape.of(dims), strides, layout.offset());
  }

  /** The layout of the leading axes, some last ones at index 0. */
  static Layout leading(Layout layout, int dropped) {
    int[] axes = new int[layout.shape().rank() - dropped];
    for (int a = 0; a < axes.length; a++) {
      axes[a] = a;
    }
    return only(layout, axes);
  }
}

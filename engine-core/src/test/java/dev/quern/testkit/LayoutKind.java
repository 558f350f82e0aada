package dev.quern.testkit;

import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;

/** The ways in which the elements of an operand can lie in memory. */
public enum LayoutKind {
  /** No gaps, at the start of the storage. */
  CONTIGUOUS,
  /** No gaps, but the first element is the storage's second: not aligned. */
  OFFSET,
  /** Rows without gaps and a gap after each row. */
  ROWS,
  /** The last two axes swapped in memory. */
  TRANSPOSED,
  /** The first axis longer than 1 repeats: stride 0. */
  BROADCAST,
  /** Every second element of the last axis. */
  STEPPED,
  /** The last axis runs backwards: a negative stride. */
  BACKWARDS,
  /** The first axis runs backwards, each run along the last one forwards. */
  REVERSED;

  /**
   * A layout of this kind.
   *
   * @param dtype element type; for block types only kinds whose last axis has no gaps differ from
   *     CONTIGUOUS
   * @param shape extents
   * @return where the elements are
   */
  Layout layout(DType dtype, Shape shape) {
    int rank = shape.rank();
    if (rank == 0 || shape.elements() == 0) {
      return Layout.contiguous(shape);
    }
    boolean whole = this == OFFSET || this == ROWS || (this == REVERSED && rank > 1);
    boolean plain = dtype.isBlock() && !whole;
    LayoutKind kind = plain ? CONTIGUOUS : this;
    int unit = dtype.blockLength();
    long[] strides = new long[rank];
    long step = kind == STEPPED ? 2 : 1;
    for (int i = rank - 1; i >= 0; i--) {
      int axis = kind == TRANSPOSED && rank > 1 && i >= rank - 2 ? 2 * rank - 3 - i : i;
      strides[axis] = step;
      step *= shape.dim(axis);
      if (kind == ROWS && i == rank - 1) {
        step += dtype.isBlock() ? unit : 3;
      }
    }
    long offset = kind == OFFSET ? unit : 0;
    if (kind == BACKWARDS) {
      offset = (shape.dim(-1) - 1) * strides[rank - 1];
      strides[rank - 1] = -strides[rank - 1];
    }
    if (kind == REVERSED) {
      offset = (shape.dim(0) - 1) * strides[0];
      strides[0] = -strides[0];
    }
    if (kind == BROADCAST) {
      for (int a = 0; a < rank; a++) {
        if (shape.dim(a) > 1) {
          strides[a] = 0;
          break;
        }
      }
    }
    return Layout.of(shape, strides, offset);
  }
}

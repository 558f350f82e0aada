package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Shape;

/** The leading axes of a matrix product, spread out: where each operand's matrix begins. */
final class Batches {
  private Batches() {}

  /**
   * Byte offsets of an operand's matrices, counted from its first element, in the order of the
   * result's; broadcast axes repeat.
   *
   * @param batch the result's leading axes
   * @param operand [..., rows, columns]
   */
  static long[] offsets(Shape batch, TensorView operand) {
    int rank = batch.rank();
    int own = operand.shape().rank() - 2;
    long[] offsets = new long[Math.toIntExact(batch.elements())];
    long[] index = new long[rank];
    for (int i = 0; i < offsets.length; i++) {
      long at = 0;
      for (int a = 0; a < rank; a++) {
        int axis = a - (rank - own);
        if (axis >= 0 && operand.shape().dim(axis) != 1) {
          at += index[a] * operand.strideBytes(axis);
        }
      }
      offsets[i] = at;
      for (int a = rank - 1; a >= 0 && ++index[a] == batch.dim(a); a--) {
        index[a] = 0;
      }
    }
    return offsets;
  }

  /**
   * Bytes from the start of an operand's segment to each of its matrices: what lies before a
   * matrix's first element, where strides are negative, can be reached from there.
   *
   * @param batch the result's leading axes
   * @param operand [..., rows, columns]
   */
  static long[] positions(Shape batch, TensorView operand) {
    long[] positions = offsets(batch, operand);
    for (int i = 0; i < positions.length; i++) {
      positions[i] += operand.offsetBytes();
    }
    return positions;
  }
}

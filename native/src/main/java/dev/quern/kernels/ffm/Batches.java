package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** The leading axes of a matrix product, spread out: where each operand's matrix begins. */
final class Batches {
  private Batches() {}

  /**
   * Where an operand's matrices begin.
   *
   * @param base memory that holds all of them
   * @param offsets bytes from its start to each matrix's first element, in the order of the
   *     result's
   */
  @SuppressWarnings("ArrayRecordComponent") // an internal bundle, never compared
  record Matrices(MemorySegment base, long[] offsets) {}

  /**
   * Where an operand's matrices begin: counted from its first element, which for one matrix is no
   * slice to be made at each call, or, where an axis runs backwards, from its segment's start.
   *
   * @param batch the result's leading axes
   * @param operand [..., rows, columns]
   */
  static Matrices of(Shape batch, TensorView operand) {
    boolean backwards = Arrays.stream(operand.layout().strides()).anyMatch(s -> s < 0);
    return backwards
        ? new Matrices(operand.segment(), positions(batch, operand))
        : new Matrices(operand.base(), offsets(batch, operand));
  }

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

package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;

/**
 * The matrices of a product y[..., m, n] = Σₖ a[..., m, k] · b[..., k, n] of F32 by F32, as {@link
 * TileGemm} computes it; strides in elements. The larger matrix had better be a, because b is
 * brought into tiles first: where b is (many columns, few rows of a), the two change places and y
 * is the result's transpose.
 *
 * @param a (..., m, k)
 * @param aOffsets bytes from its start to each matrix, one for each batch
 * @param aRow stride of m
 * @param aK stride of k
 * @param b (..., k, n)
 * @param bOffsets as {@code aOffsets}
 * @param bK stride of k
 * @param bColumn stride of n
 * @param m rows of y
 * @param n columns of y
 * @param k what is summed over
 * @param across whether results are stored transposed
 */
@SuppressWarnings("ArrayRecordComponent") // an internal bundle, never compared
record TileOperands(
    MemorySegment a,
    long[] aOffsets,
    long aRow,
    long aK,
    MemorySegment b,
    long[] bOffsets,
    long bK,
    long bColumn,
    long m,
    long n,
    long k,
    boolean across) {

  /** Of left · right; a batch that shares one right matrix is one matrix of more rows. */
  static TileOperands matMul(TensorView left, TensorView right, TensorView y) {
    long k = left.shape().dim(-1);
    long n = right.shape().dim(-1);
    boolean one = isOneMatrix(left, right);
    Shape s = y.shape();
    Shape batch = one ? Shape.SCALAR : s.slice(0, s.rank() - 2);
    long m = one ? left.shape().elements() / Math.max(1, k) : left.shape().dim(-2);
    long row = one ? k : left.layout().stride(-2);
    long step = left.layout().stride(-1);
    var straight =
        new TileOperands(
            left.segment(),
            Batches.positions(batch, left),
            row,
            step,
            right.segment(),
            Batches.positions(batch, right),
            right.layout().stride(-2),
            right.layout().stride(-1),
            m,
            n,
            k,
            false);
    boolean turns = m < n && straight.isAContiguous() && straight.isBContiguous();
    return turns ? straight.turned() : straight;
  }

  /** Of x · wᵀ: x (..., k) without gaps, w (n, k). They never change places. */
  static TileOperands linear(TensorView x, TensorView w) {
    long k = w.shape().dim(1);
    return new TileOperands(
        x.base(),
        new long[1],
        k,
        1,
        w.segment(),
        new long[] {w.offsetBytes()},
        1,
        w.layout().stride(0),
        k == 0 ? 0 : x.shape().elements() / k,
        w.shape().dim(0),
        k,
        false);
  }

  private TileOperands turned() {
    return new TileOperands(b, bOffsets, bColumn, bK, a, aOffsets, aK, aRow, n, m, k, !across);
  }

  /** Whether all batches are rows of one matrix: a without gaps, and one b for all. */
  private static boolean isOneMatrix(TensorView a, TensorView b) {
    long matrix = b.shape().dim(-1) * b.shape().dim(-2);
    return a.shape().rank() > 2 && a.layout().isContiguous() && b.shape().elements() == matrix;
  }

  /** Whether rows of a lie side by side, rather than their elements. */
  boolean isBeside() {
    return aK != 1;
  }

  boolean isAContiguous() {
    return aRow == 1 || aK == 1;
  }

  boolean isBContiguous() {
    return bK == 1 || bColumn == 1;
  }

  /** Whether the rows of b have no gaps, rather than its columns. */
  boolean isByRows() {
    return bColumn == 1;
  }
}

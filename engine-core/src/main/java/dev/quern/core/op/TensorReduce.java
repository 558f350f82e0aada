package dev.quern.core.op;

import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import java.util.ArrayList;
import java.util.List;

/**
 * Reductions and scans: {@link ReduceOp}, {@link ScanOp}. No axes means all of them. With {@code
 * keepDims} the reduced axes stay with extent 1.
 */
public sealed interface TensorReduce permits Tensor {
  /**
   * Σ x over some axes.
   *
   * @param keepDims whether they stay with extent 1
   * @param axes which, from the end if negative; none for all
   * @return same dtype
   */
  default Tensor sum(boolean keepDims, int... axes) {
    return apply(new ReduceOp.Sum(axes(axes), keepDims));
  }

  /**
   * Σ x over all elements.
   *
   * @return a scalar, same dtype
   */
  default Tensor sum() {
    return sum(false);
  }

  /**
   * Π x over some axes.
   *
   * @param keepDims whether they stay with extent 1
   * @param axes which, from the end if negative; none for all
   * @return same dtype
   */
  default Tensor prod(boolean keepDims, int... axes) {
    return apply(new ReduceOp.Prod(axes(axes), keepDims));
  }

  /**
   * Π x over all elements.
   *
   * @return a scalar, same dtype
   */
  default Tensor prod() {
    return prod(false);
  }

  /**
   * Σ x / n over some axes.
   *
   * @param keepDims whether they stay with extent 1
   * @param axes which, from the end if negative; none for all
   * @return same dtype
   */
  default Tensor mean(boolean keepDims, int... axes) {
    return apply(new ReduceOp.Mean(axes(axes), keepDims));
  }

  /**
   * Σ x / n over all elements.
   *
   * @return a scalar, same dtype
   */
  default Tensor mean() {
    return mean(false);
  }

  /**
   * The largest element over some axes.
   *
   * @param keepDims whether they stay with extent 1
   * @param axes which, from the end if negative; none for all
   * @return same dtype
   */
  default Tensor max(boolean keepDims, int... axes) {
    return apply(new ReduceOp.Max(axes(axes), keepDims));
  }

  /**
   * The largest element over all elements.
   *
   * @return a scalar, same dtype
   */
  default Tensor max() {
    return max(false);
  }

  /**
   * The smallest element over some axes.
   *
   * @param keepDims whether they stay with extent 1
   * @param axes which, from the end if negative; none for all
   * @return same dtype
   */
  default Tensor min(boolean keepDims, int... axes) {
    return apply(new ReduceOp.Min(axes(axes), keepDims));
  }

  /**
   * The smallest element over all elements.
   *
   * @return a scalar, same dtype
   */
  default Tensor min() {
    return min(false);
  }

  /**
   * log Σ eˣ over some axes.
   *
   * @param keepDims whether they stay with extent 1
   * @param axes which, from the end if negative; none for all
   * @return same dtype
   */
  default Tensor logSumExp(boolean keepDims, int... axes) {
    return apply(new ReduceOp.LogSumExp(axes(axes), keepDims));
  }

  /**
   * log Σ eˣ over all elements.
   *
   * @return a scalar, same dtype
   */
  default Tensor logSumExp() {
    return logSumExp(false);
  }

  /**
   * Variance, Σ (x − mean)² / (n − correction), over some axes.
   *
   * @param correction 0 for the population, 1 for a sample
   * @param keepDims whether the axes stay with extent 1
   * @param axes which; none for all
   * @return same dtype
   */
  default Tensor var(int correction, boolean keepDims, int... axes) {
    return apply(new ReduceOp.Var(axes(axes), keepDims, correction));
  }

  /**
   * Index of the first largest element along an axis.
   *
   * @param axis which
   * @param keepDims whether it stays with extent 1
   * @return I64
   */
  default Tensor argMax(int axis, boolean keepDims) {
    return apply(new ReduceOp.ArgMax(axis, keepDims));
  }

  /**
   * Running sums along an axis.
   *
   * @param axis which, from the end if negative
   * @param reverse whether they run from the end
   * @return same shape and dtype
   */
  default Tensor cumSum(int axis, boolean reverse) {
    Tensor x = (Tensor) this;
    return x.executor().one(new ScanOp.CumSum(axis, reverse), x);
  }

  /**
   * The indices that put this in order along an axis; {@code x.gather(axis, x.argSort(axis,
   * false))} is sorted, and the first k of it with {@code slice} are the top k.
   *
   * @param axis which, from the end if negative
   * @param descending whether the largest comes first; equal elements keep their order
   * @return I64, same shape
   */
  default Tensor argSort(int axis, boolean descending) {
    Tensor x = (Tensor) this;
    return x.executor().one(new ScanOp.ArgSort(axis, descending), x);
  }

  /**
   * Sums what broadcasting had stretched: the transpose of broadcasting.
   *
   * @param to a shape that broadcasts to this one
   * @return that shape, same dtype
   * @throws ShapeException if it does not broadcast to this one
   */
  default Tensor sumTo(Shape to) {
    Tensor x = (Tensor) this;
    if (x.shape().equals(to)) {
      return x;
    }
    int extra = x.shape().rank() - to.rank();
    boolean broadcasts = extra >= 0;
    for (int a = 0; broadcasts && a < to.rank(); a++) {
      broadcasts = to.dim(a) == 1 || to.dim(a) == x.shape().dim(a + extra);
    }
    if (!broadcasts) {
      throw new ShapeException(
          "[sumTo] "
              + to
              + " does not broadcast to "
              + x.spec()
              + "; each extent must be kept or 1");
    }
    List<Integer> axes = new ArrayList<>();
    for (int a = 0; a < x.shape().rank(); a++) {
      if (a < extra || (to.dim(a - extra) == 1 && x.shape().dim(a) != 1)) {
        axes.add(a);
      }
    }
    return apply(new ReduceOp.Sum(List.copyOf(axes), true)).reshape(to);
  }

  private Tensor apply(ReduceOp op) {
    Tensor x = (Tensor) this;
    return x.executor().one(op, x);
  }

  private List<Integer> axes(int... axes) {
    List<Integer> list = new ArrayList<>();
    if (axes.length == 0) {
      for (int a = 0; a < ((Tensor) this).shape().rank(); a++) {
        list.add(a);
      }
    }
    for (int a : axes) {
      list.add(a);
    }
    return List.copyOf(list);
  }
}

package dev.quern.core.op;

import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.List;

/**
 * Pooling over windows of any number of spatial axes: x [b, c, s...], result [b, c, n...]. n = ⌊(s
 * + 2·padding − dilation·(size − 1) − 1) / stride⌋ + 1, or with ⌈ ⌉, but a last window that would
 * begin behind the end of s is left out. Floating point.
 */
public sealed interface PoolOp extends Op {
  /**
   * Extent of a window.
   *
   * @return one per spatial axis
   */
  List<Integer> size();

  /**
   * How far a window moves.
   *
   * @return one per spatial axis
   */
  List<Integer> stride();

  /**
   * What is added at both ends.
   *
   * @return one per spatial axis, at most half the window
   */
  List<Integer> padding();

  /**
   * Distance between the elements of a window.
   *
   * @return one per spatial axis
   */
  List<Integer> dilation();

  /**
   * Whether the number of windows is rounded up.
   *
   * @return true if so
   */
  boolean ceil();

  /**
   * The largest of each window; NaN if there is one. The gradient goes to the first largest in
   * row-major order; padding is −∞.
   *
   * @param size per spatial axis
   * @param stride per spatial axis
   * @param padding per spatial axis
   * @param dilation per spatial axis
   * @param ceil whether the number of windows is rounded up
   */
  record MaxPool(
      List<Integer> size,
      List<Integer> stride,
      List<Integer> padding,
      List<Integer> dilation,
      boolean ceil)
      implements PoolOp {
    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(PoolMath.max(this, in.getFirst()));
    }
  }

  /**
   * The mean of each window: its sum over the number of its elements, those of the padding counted
   * or not. What a window has behind the padding never counts.
   *
   * @param size per spatial axis
   * @param stride per spatial axis
   * @param padding per spatial axis
   * @param ceil whether the number of windows is rounded up
   * @param countPadding whether padding counts as elements
   */
  record AvgPool(
      List<Integer> size,
      List<Integer> stride,
      List<Integer> padding,
      boolean ceil,
      boolean countPadding)
      implements PoolOp {
    @Override
    public List<Integer> dilation() {
      return size.stream().map(_ -> 1).toList();
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(PoolMath.average(this, in.getFirst()));
    }
  }

  /**
   * How many windows there are along a spatial axis.
   *
   * @param axis which of the spatial axes
   * @param extent the axis's extent
   * @return the number; 0 or less if not even one fits
   */
  default long windows(int axis, long extent) {
    long step = stride().get(axis);
    long room =
        extent
            + 2L * padding().get(axis)
            - (long) dilation().get(axis) * (size().get(axis) - 1)
            - 1;
    if (room < 0) {
      return 0;
    }
    long n = (ceil() ? Math.ceilDiv(room, step) : room / step) + 1;
    return ceil() && (n - 1) * step >= extent + padding().get(axis) ? n - 1 : n;
  }

  @Override
  default List<TensorSpec> infer(List<TensorSpec> in) {
    Infer.arity(this, in, 1);
    Infer.floating(this, in);
    TensorSpec x = in.getFirst();
    int spatial = size().size();
    boolean fits = spatial > 0 && x.shape().rank() == 2 + spatial;
    for (List<Integer> positive : List.of(size(), stride(), dilation())) {
      fits &= positive.size() == spatial && positive.stream().allMatch(v -> v >= 1);
    }
    fits &= padding().size() == spatial && padding().stream().allMatch(v -> v >= 0);
    if (!fits) {
      throw Infer.fail(
          this,
          "needs x [b, c, s...] and size, stride, dilation >= 1, padding >= 0 per spatial axis",
          in);
    }
    Shape y = x.shape();
    for (int i = 0; i < spatial; i++) {
      if (2 * padding().get(i) > size().get(i)) {
        throw Infer.fail(this, "padding must be at most half of the window", in);
      }
      long n = windows(i, x.shape().dim(2 + i));
      if (n <= 0) {
        throw Infer.fail(this, "the window is wider than spatial axis " + i + " padded", in);
      }
      y = y.with(2 + i, n);
    }
    return List.of(x.as(y));
  }
}

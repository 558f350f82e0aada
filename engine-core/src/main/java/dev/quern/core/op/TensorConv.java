package dev.quern.core.op;

import dev.quern.core.op.BatchNormOp.BatchNorm;
import dev.quern.core.op.BatchNormOp.GroupNorm;
import dev.quern.core.op.ConvOp.Conv;
import dev.quern.core.op.ConvOp.ConvTranspose;
import dev.quern.core.op.PoolOp.AvgPool;
import dev.quern.core.op.PoolOp.MaxPool;
import java.util.ArrayList;
import java.util.List;

/**
 * Networks over space, x [b, c, s...]: {@link ConvOp}, {@link PoolOp}, {@link BatchNormOp}, and the
 * windows that they are made of.
 */
public sealed interface TensorConv permits Tensor {

  /**
   * Convolution with all its options.
   *
   * @param weight [o, c/groups, k...], this dtype
   * @param options the operation
   * @param bias [o], if the options say so
   * @return [b, o, n...]
   */
  default Tensor conv(Tensor weight, Conv options, Tensor... bias) {
    return with(options, weight, bias).getFirst();
  }

  /**
   * Transposed convolution with all its options.
   *
   * @param weight [c, o/groups, k...], this dtype
   * @param options the operation
   * @param bias [o], if the options say so
   * @return [b, o, n...]
   */
  default Tensor convTranspose(Tensor weight, ConvTranspose options, Tensor... bias) {
    return with(options, weight, bias).getFirst();
  }

  /**
   * The largest of each window.
   *
   * @param options the operation
   * @return [b, c, n...]
   */
  default Tensor maxPool(MaxPool options) {
    return self().executor().one(options, self());
  }

  /**
   * The mean of each window.
   *
   * @param options the operation
   * @return [b, c, n...]
   */
  default Tensor avgPool(AvgPool options) {
    return self().executor().one(options, self());
  }

  /**
   * Batch normalisation while training.
   *
   * @param weight [c]
   * @param bias [c]
   * @param eps added to the variance
   * @return the result, and mean and biased variance [c] of each channel
   */
  default List<Tensor> batchNorm(Tensor weight, Tensor bias, float eps) {
    return with(new BatchNorm(eps), weight, bias);
  }

  /**
   * Batch normalisation with known statistics, as in inference: (x − mean) / √(var + eps) · weight
   * + bias.
   *
   * @param weight [c]
   * @param bias [c]
   * @param mean [c]
   * @param var [c]
   * @param eps added to the variance
   * @return same shape and dtype
   */
  default Tensor batchNorm(Tensor weight, Tensor bias, Tensor mean, Tensor var, float eps) {
    int spatial = self().shape().rank() - 2;
    Tensor scale = var.add(eps).rsqrt().mul(weight);
    return self()
        .sub(ConvMath.channels(mean, spatial))
        .mul(ConvMath.channels(scale, spatial))
        .add(ConvMath.channels(bias, spatial));
  }

  /**
   * Group normalisation.
   *
   * @param groups into how many groups the channels are cut
   * @param weight [c]
   * @param bias [c]
   * @param eps added to the variance
   * @return same shape and dtype
   */
  default Tensor groupNorm(int groups, Tensor weight, Tensor bias, float eps) {
    return with(new GroupNorm(groups, eps), weight, bias).getFirst();
  }

  /**
   * A value added at both ends of an axis; a negative number of places is cut off.
   *
   * @param axis which, from the end if negative
   * @param before how many at the beginning
   * @param after how many at the end
   * @param value what is added
   * @return the axis longer, or shorter
   */
  default Tensor pad(int axis, long before, long after, double value) {
    return ConvMath.padded(self(), self().shape().axis(axis), before, after, value);
  }

  /**
   * The windows of an axis, as a view: y[..., i, ..., j] = x[..., i·step + j·dilation, ...].
   *
   * @param axis which, from the end if negative; becomes the number of windows
   * @param size elements of a window, the new last axis
   * @param step distance between windows
   * @param dilation distance between elements of a window
   * @return one axis more
   */
  default Tensor windows(int axis, long size, long step, long dilation) {
    return self().executor().one(new ShapeOp.Windows(axis, size, step, dilation), self());
  }

  /**
   * Windows added up, the transpose of {@link #windows}: y[..., i·step + j·dilation, ...] += x[...,
   * i, ..., j].
   *
   * @param axis the axis that counts the windows
   * @param extent what it becomes
   * @param step distance between windows
   * @param dilation distance between elements of a window
   * @return one axis less
   */
  default Tensor fold(int axis, long extent, long step, long dilation) {
    return self().executor().one(new ScatterOp.Fold(axis, extent, step, dilation), self());
  }

  private List<Tensor> with(Op op, Tensor weight, Tensor... more) {
    List<Tensor> in = new ArrayList<>(List.of(self(), weight));
    in.addAll(List.of(more));
    return self().executor().apply(op, in);
  }

  private Tensor self() {
    return (Tensor) this;
  }
}

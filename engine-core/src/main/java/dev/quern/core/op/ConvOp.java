package dev.quern.core.op;

import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.List;

/**
 * Convolutions over any number of spatial axes, as networks mean them (cross-correlations): x [b,
 * c, s...]. Floating point, accumulated in F32 or wider.
 */
public sealed interface ConvOp extends Op {

  /**
   * How far a window moves along each spatial axis.
   *
   * @return one per axis, at least 1
   */
  List<Integer> stride();

  /**
   * Zeros at both ends of each spatial axis (for a transposed convolution: what is cut off there).
   *
   * @return one per axis, at least 0
   */
  List<Integer> padding();

  /**
   * Distance between the elements of a window along each spatial axis.
   *
   * @return one per axis, at least 1
   */
  List<Integer> dilation();

  /**
   * Into how many groups channels are cut that see only each other.
   *
   * @return at least 1
   */
  int groups();

  /**
   * Whether there is a third input, [o].
   *
   * @return true if so
   */
  boolean bias();

  /**
   * y[b, o, n...] = Σ_{i, k...} x[b, i, n·stride + k·dilation − padding] · w[o, i, k...] (+
   * bias[o]), with i over the channels of o's group. Inputs x [b, c, s...], w [o, c/groups, k...],
   * and if so bias [o]; one dtype. n = ⌊(s + 2·padding − dilation·(k − 1) − 1) / stride⌋ + 1.
   *
   * @param stride per spatial axis
   * @param padding per spatial axis
   * @param dilation per spatial axis
   * @param groups divides c and o
   * @param bias whether there is a third input
   */
  record Conv(
      List<Integer> stride, List<Integer> padding, List<Integer> dilation, int groups, boolean bias)
      implements ConvOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      TensorSpec x = ConvMath.operands(this, in, 1, 0);
      Shape w = in.get(1).shape();
      Shape y = x.shape().with(1, w.dim(0));
      for (int i = 0; i < stride.size(); i++) {
        long span = (long) dilation.get(i) * (w.dim(2 + i) - 1) + 1;
        long room = x.shape().dim(2 + i) + 2L * padding.get(i) - span;
        if (room < 0) {
          throw Infer.fail(this, "the window is wider than spatial axis " + i + " padded", in);
        }
        y = y.with(2 + i, room / stride.get(i) + 1);
      }
      return List.of(x.as(y));
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(ConvMath.conv(this, in));
    }
  }

  /**
   * The transpose of {@link Conv} without its bias, as a map from y to x: y[b, o, i·stride +
   * k·dilation − padding] += x[b, c, i...] · w[c, o, k...] (+ bias[o]). Inputs x [b, c, s...], w
   * [c, o/groups, k...], and if so bias [o]; one dtype. The extents are (s − 1)·stride − 2·padding
   * + dilation·(k − 1) + outputPadding + 1.
   *
   * @param stride per spatial axis
   * @param padding per spatial axis
   * @param outputPadding per spatial axis; what is added to the extent at the end
   * @param dilation per spatial axis
   * @param groups divides c and o
   * @param bias whether there is a third input
   */
  record ConvTranspose(
      List<Integer> stride,
      List<Integer> padding,
      List<Integer> outputPadding,
      List<Integer> dilation,
      int groups,
      boolean bias)
      implements ConvOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      TensorSpec x = ConvMath.operands(this, in, 0, 1);
      if (outputPadding.size() != stride.size() || outputPadding.stream().anyMatch(p -> p < 0)) {
        throw Infer.fail(this, "outputPadding must have one number >= 0 per spatial axis", in);
      }
      Shape w = in.get(1).shape();
      Shape y = x.shape().with(1, w.dim(1) * groups);
      for (int i = 0; i < stride.size(); i++) {
        long n = ConvMath.span(this, x.shape(), w, i) - 2L * padding.get(i) + outputPadding.get(i);
        if (n < 0) {
          throw Infer.fail(this, "padding cuts off all of spatial axis " + i, in);
        }
        y = y.with(2 + i, n);
      }
      return List.of(x.as(y));
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      return List.of(ConvMath.convTranspose(this, in));
    }
  }
}

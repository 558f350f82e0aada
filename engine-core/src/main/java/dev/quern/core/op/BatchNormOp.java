package dev.quern.core.op;

import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.List;

/** Norms over batches and groups of channels: x [b, c, s...]. Floating point. */
public sealed interface BatchNormOp extends Op {

  /**
   * Batch normalisation while training (Ioffe and Szegedy 2015): y = (x − mean) / √(var + eps) ·
   * weight + bias with the mean and the biased variance of each channel over batch and space.
   * Inputs x [b, c, s...], weight [c], bias [c]. Outputs: y, mean [c] and var [c], from which
   * running statistics are updated.
   *
   * @param eps added to the variance
   */
  record BatchNorm(float eps) implements BatchNormOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      TensorSpec x = operands(this, in);
      return List.of(x, in.get(1), in.get(1));
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor x = in.get(0);
      int spatial = x.shape().rank() - 2;
      int[] axes = new int[1 + spatial];
      for (int i = 0; i < spatial; i++) {
        axes[1 + i] = 2 + i;
      }
      Tensor mean = x.mean(true, axes);
      Tensor centred = x.sub(mean);
      Tensor var = centred.mul(centred).mean(true, axes);
      Tensor scale = var.add(eps).rsqrt().mul(ConvMath.channels(in.get(1), spatial));
      Shape c = in.get(1).shape();
      return List.of(
          centred.mul(scale).add(ConvMath.channels(in.get(2), spatial)),
          mean.reshape(c),
          var.reshape(c));
    }
  }

  /**
   * Group normalisation (Wu and He 2018): the channels of a sample are cut into groups, each of
   * which is normalised over its channels and space: y = (x − mean) / √(var + eps) · weight + bias.
   * Inputs x [b, c, s...], weight [c], bias [c].
   *
   * @param groups divides c
   * @param eps added to the variance
   */
  record GroupNorm(int groups, float eps) implements BatchNormOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      TensorSpec x = operands(this, in);
      if (groups < 1 || x.shape().dim(1) % groups != 0) {
        throw Infer.fail(this, "channels must be a multiple of " + groups + " group(s)", in);
      }
      return List.of(x);
    }

    @Override
    public List<Tensor> decompose(List<Tensor> in) {
      Tensor x = in.get(0);
      Shape s = x.shape();
      int spatial = s.rank() - 2;
      long each = s.dim(1) / groups * s.slice(2, s.rank()).elements();
      Tensor lines = x.reshape(s.dim(0), groups, each);
      Tensor centred = lines.sub(lines.mean(true, -1));
      Tensor r = centred.mul(centred).mean(true, -1).add(eps).rsqrt();
      return List.of(
          centred
              .mul(r)
              .reshape(s)
              .mul(ConvMath.channels(in.get(1), spatial))
              .add(ConvMath.channels(in.get(2), spatial)));
    }
  }

  private static TensorSpec operands(Op op, List<TensorSpec> in) {
    Infer.arity(op, in, 3);
    Infer.floating(op, in);
    Infer.sameDType(op, in);
    TensorSpec x = in.getFirst();
    Infer.rankAtLeast(op, x, "x", 2);
    Shape c = Shape.of(x.shape().dim(1));
    Infer.shape(op, in.get(1), "weight", c);
    Infer.shape(op, in.get(2), "bias", c);
    return x;
  }
}

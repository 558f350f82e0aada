package dev.quern.core.op;

import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.LossOp.CrossEntropy;
import dev.quern.core.op.LossOp.Reduction;
import java.util.ArrayList;
import java.util.List;

/**
 * What networks are made of: {@link MatMulOp}, {@link NormOp}, {@link AttentionOp}, {@link LossOp},
 * {@link DropoutOp}, {@link SamplingOp}.
 */
public sealed interface TensorNN permits Tensor {

  /**
   * c[..., m, n] = Σₖ this[..., m, k] · b[..., k, n].
   *
   * @param b [..., k, n]; leading axes broadcast
   * @return [..., m, n], this dtype; F32 if this is F8_E4M3
   */
  default Tensor matmul(Tensor b) {
    return one(new MatMulOp.MatMul(), b);
  }

  /**
   * y[..., n] = Σₖ this[..., k] · weight[n, k].
   *
   * @param weight [n, k], any floating or block type
   * @return [..., n], this dtype; F32 if this is F8_E4M3
   */
  default Tensor linear(Tensor weight) {
    return one(new MatMulOp.Linear(false), weight);
  }

  /**
   * y[..., n] = Σₖ this[..., k] · weight[n, k] + bias[n].
   *
   * @param weight [n, k], any floating or block type
   * @param bias [n], the result's dtype
   * @return [..., n], this dtype; F32 if this is F8_E4M3
   */
  default Tensor linear(Tensor weight, Tensor bias) {
    return one(new MatMulOp.Linear(true), weight, bias);
  }

  /**
   * eˣ / Σ eˣ along an axis.
   *
   * @param axis which, from the end if negative
   * @return same shape and dtype
   */
  default Tensor softmax(int axis) {
    return one(new NormOp.Softmax(axis));
  }

  /**
   * x − log Σ eˣ along an axis.
   *
   * @param axis which, from the end if negative
   * @return same shape and dtype
   */
  default Tensor logSoftmax(int axis) {
    return one(new NormOp.LogSoftmax(axis));
  }

  /**
   * x / √(mean(x²) + eps) · weight over the last axis.
   *
   * @param weight [c]
   * @param eps added to the mean square
   * @return same shape and dtype
   */
  default Tensor rmsNorm(Tensor weight, float eps) {
    return one(new NormOp.RmsNorm(eps), weight);
  }

  /**
   * (x − mean) / √(var + eps) · weight + bias over the last axis.
   *
   * @param weight [c]
   * @param bias [c]
   * @param eps added to the variance
   * @return same shape and dtype
   */
  default Tensor layerNorm(Tensor weight, Tensor bias, float eps) {
    return one(new NormOp.LayerNorm(eps), weight, bias);
  }

  /**
   * Rotary position embedding of [..., t, h, d].
   *
   * @param positions [..., t], I32|I64
   * @param inverseFrequencies [r/2], F32
   * @param interleaved whether pairs are neighbours
   * @return same shape and dtype
   */
  default Tensor rope(Tensor positions, Tensor inverseFrequencies, boolean interleaved) {
    return one(new AttentionOp.Rope(interleaved), positions, inverseFrequencies);
  }

  /**
   * Attention of queries [b, tq, h, d] over keys and values, with scale 1/√d and nothing else.
   *
   * @param k [b, tk, hkv, d]
   * @param v [b, tk, hkv, dv]
   * @param causal whether later keys are hidden
   * @return [b, tq, h, dv], this dtype
   */
  default Tensor attention(Tensor k, Tensor v, boolean causal) {
    float scale = (float) (1 / Math.sqrt((double) self().shape().dim(-1)));
    return attention(k, v, new Attention(causal, scale, 0, 0, false, false, false));
  }

  /**
   * Attention with all its options.
   *
   * @param k [b, tk, hkv, d], or [pages, size, hkv, d] with pages
   * @param v [b, tk, hkv, dv], or [pages, size, hkv, dv] with pages
   * @param options the operation
   * @param optional mask, starts, lengths, pages: those that the options say are there, in this
   *     order
   * @return [b, tq, h, dv], this dtype
   */
  default Tensor attention(Tensor k, Tensor v, Attention options, Tensor... optional) {
    List<Tensor> rest = new ArrayList<>(List.of(k, v));
    rest.addAll(List.of(optional));
    return one(options, rest.toArray(Tensor[]::new));
  }

  /**
   * Mean cross-entropy of logits [..., v] against class indices, skipping targets of −100.
   *
   * @param targets [...], I32|I64
   * @return a scalar, this dtype
   */
  default Tensor crossEntropy(Tensor targets) {
    return one(new CrossEntropy(-100, 0, Reduction.MEAN, false), targets);
  }

  /**
   * Cross-entropy of logits [..., v] against class indices, with all its options.
   *
   * @param targets [...], I32|I64
   * @param options the operation
   * @param weight class weights [v], this dtype, if the options say so; else nothing
   * @return a scalar, or [...] if nothing is reduced; this dtype
   */
  default Tensor crossEntropy(Tensor targets, CrossEntropy options, Tensor... weight) {
    List<Tensor> rest = new ArrayList<>(List.of(targets));
    rest.addAll(List.of(weight));
    return one(options, rest.toArray(Tensor[]::new));
  }

  /**
   * Zeros at random, the others enlarged so that the expected sum stays: {@link DropoutOp.Dropout}.
   * The same seed drops the same elements; draw a new one for each layer and step.
   *
   * @param p the share that becomes 0, 0 ≤ p &lt; 1; with 0 this is returned
   * @param seed I64 [2], seed and offset
   * @return same shape and dtype
   */
  default Tensor dropout(float p, Tensor seed) {
    return p == 0 ? self() : one(new DropoutOp.Dropout(p), seed);
  }

  /**
   * One token for each row of these logits [b, v], F32|F64.
   *
   * @param uniform [b, 1] F64 in [0, 1): one draw each; not looked at if the temperature is 0
   * @param options temperature and cuts
   * @return [b, 1] I64
   */
  default Tensor sample(Tensor uniform, SamplingOp.Sample options) {
    return one(options, uniform);
  }

  private Tensor self() {
    return (Tensor) this;
  }

  private Tensor one(Op op, Tensor... rest) {
    List<Tensor> in = new ArrayList<>();
    in.add(self());
    in.addAll(List.of(rest));
    return self().executor().apply(op, in).getFirst();
  }
}

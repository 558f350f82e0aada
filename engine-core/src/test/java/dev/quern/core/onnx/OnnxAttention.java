package dev.quern.core.onnx;

import dev.quern.core.op.AttentionOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * ONNX's Attention, whose heads come before time: [b, h, t, d], or [b, t, h · d]. Past keys and
 * values are joined in front. The scores, if asked for, are spelled out.
 */
final class OnnxAttention {
  private OnnxAttention() {}

  static List<Tensor> attention(OnnxCase c) {
    boolean flat = c.in(0).shape().rank() == 3;
    Tensor q = heads(c.in(0), c.integer("q_num_heads", 0));
    Tensor k = heads(c.in(1), c.integer("kv_num_heads", 0));
    Tensor v = heads(c.in(2), c.integer("kv_num_heads", 0));
    long past = c.has(4) ? c.in(4).shape().dim(2) : 0;
    if (past > 0) {
      k = c.in(4).concat(2, k);
      v = c.in(5).concat(2, v);
    }
    double scale = c.number("scale", 1 / Math.sqrt((double) q.shape().dim(3)));
    Tensor y = fused(c, q, k, v, past, scale).transpose(1, 2); // [b, h, t, d]
    if (flat) {
      Shape s = y.shape();
      y = y.transpose(1, 2).reshape(s.dim(0), s.dim(2), s.dim(1) * s.dim(3));
    }
    List<Tensor> results = new ArrayList<>(List.of(y, k, v));
    if (c.expected().size() > 3) {
      results.add(scores(c, q, k, past, scale));
    }
    return results;
  }

  private static Tensor heads(Tensor x, long count) {
    Shape s = x.shape();
    return s.rank() == 4
        ? x
        : x.reshape(s.dim(0), s.dim(1), count, s.dim(2) / count).transpose(1, 2);
  }

  /** The operation itself, on [b, t, h, d]. */
  private static Tensor fused(OnnxCase c, Tensor q, Tensor k, Tensor v, long past, double scale) {
    boolean lengths = c.has(6);
    boolean causal = c.integer("is_causal", 0) == 1;
    float cap = (float) c.number("softcap", 0);
    List<Tensor> optional = new ArrayList<>();
    if (c.has(3)) {
      optional.add(mask(c.in(3), k.shape().dim(2)));
    }
    int batch = Math.toIntExact(q.shape().dim(0));
    int[] starts = new int[batch];
    Arrays.fill(starts, Math.toIntExact(past));
    if (lengths) {
      long[] n = c.longs(6);
      for (int b = 0; b < batch; b++) {
        starts[b] = Math.toIntExact(n[b] - q.shape().dim(2));
      }
    }
    if (causal) {
      optional.add(c.engine.tensor(starts));
    }
    if (lengths) {
      optional.add(c.in(6).cast(ScalarType.I32));
    }
    var op = new AttentionOp.Attention(causal, (float) scale, cap, 0, c.has(3), causal, lengths);
    return q.transpose(1, 2)
        .attention(k.transpose(1, 2), v.transpose(1, 2), op, optional.toArray(Tensor[]::new));
  }

  /** A mask that is too short hides the keys beyond it. */
  private static Tensor mask(Tensor m, long keys) {
    long missing = keys - m.shape().dim(-1);
    if (missing <= 0) {
      return m;
    }
    boolean bool = m.dtype() == ScalarType.BOOL;
    Tensor hidden =
        m.scalarLike(bool ? 0 : Double.NEGATIVE_INFINITY).expand(m.shape().with(-1, missing));
    return m.concat(-1, hidden);
  }

  /** 0: scaled products, 1: after the soft cap, 2: with the mask, 3: after the softmax. */
  private static Tensor scores(OnnxCase c, Tensor q, Tensor k, long past, double scale) {
    long mode = c.integer("qk_matmul_output_mode", 0);
    Shape s = k.shape();
    long group = q.shape().dim(1) / s.dim(1);
    Shape repeated = Shape.of(s.dim(0), s.dim(1), group, s.dim(2), s.dim(3));
    Tensor keys =
        k.unsqueeze(2).expand(repeated).reshape(s.dim(0), q.shape().dim(1), s.dim(2), s.dim(3));
    Tensor x = q.matmul(keys.transpose()).mul(scale);
    double cap = c.number("softcap", 0);
    if (mode >= 1 && cap != 0) {
      x = x.mul(1 / cap).tanh().mul(cap);
    }
    Tensor never = x.scalarLike(Double.NEGATIVE_INFINITY);
    if (mode >= 2 && c.has(3)) {
      Tensor m = mask(c.in(3), s.dim(2));
      x = m.dtype() == ScalarType.BOOL ? m.where(x, never) : x.add(m);
    }
    if (mode >= 2 && c.integer("is_causal", 0) == 1) {
      Tensor i = c.engine.arange(ScalarType.I64, past, 1, x.shape().dim(2)).unsqueeze(-1);
      Tensor j = c.engine.arange(ScalarType.I64, 0, 1, x.shape().dim(3));
      x = j.lessEqual(i).where(x, never);
    }
    return mode < 3 ? x : x.equal(never).where(x.scalarLike(0), x.softmax(-1));
  }
}

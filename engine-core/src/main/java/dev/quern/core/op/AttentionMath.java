package dev.quern.core.op;

import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Attention spelled in smaller operations, T×T and all: what backends without the fused kernel run,
 * and where the gradient comes from.
 *
 * <p>Heads are split as [b, hkv, group, t, d], so that k and v broadcast over the group.
 */
final class AttentionMath {
  private AttentionMath() {}

  static Tensor output(Attention op, List<Tensor> in) {
    Tensor p = probabilities(scores(op, in));
    return ungroup(p.matmul(keys(in.get(2).cast(p.dtype()))), in.get(0).shape());
  }

  /** The gradients of q, k and v, of q's dtype. */
  static List<Tensor> gradients(Attention op, List<Tensor> in, Tensor gradient) {
    Tensor raw = raw(op, in);
    Tensor p = probabilities(visible(op, in, capped(op, raw))); // [b, hkv, group, tq, tk]
    Tensor v = keys(in.get(2).cast(p.dtype())); // [b, hkv, 1, tk, dv]
    Tensor k = keys(in.get(1).cast(p.dtype()));
    long group = in.get(0).shape().dim(2) / in.get(1).shape().dim(2);
    Tensor q = queries(in.get(0), group); // [b, hkv, group, tq, d]
    Tensor go = queries(gradient, group);
    Tensor dp = go.matmul(v.transpose());
    Tensor ds = p.mul(dp.sub(p.mul(dp).sum(true, -1)));
    if (op.softCap() != 0) {
      Tensor t = capped(op, raw).mul(1.0 / op.softCap());
      ds = ds.mul(t.mul(t).neg().add(1));
    }
    ds = ds.mul(op.scale());
    Tensor dq = ungroup(ds.matmul(k), in.get(0).shape());
    return List.of(dq, sumGroup(ds.transpose().matmul(q)), sumGroup(p.transpose().matmul(go)));
  }

  /** The gradients of all inputs; for the mask, which is rare, through the parts. */
  static List<@Nullable Tensor> vjp(Attention op, Backward pass) {
    if (op.hasMask() && pass.needs(op.maskIndex())) {
      return pass.through(op::decompose);
    }
    List<Tensor> found;
    if (pass.residuals().isEmpty()) {
      found = gradients(op, pass.inputs(), pass.gradient());
    } else {
      List<Tensor> in = new ArrayList<>(pass.inputs());
      in.addAll(List.of(pass.gradient(), pass.output(), pass.residuals().getFirst()));
      found = pass.gradient().executor().apply(new AttentionGradOp.AttentionGrad(op), in);
    }
    List<@Nullable Tensor> g = new ArrayList<>();
    for (int i = 0; i < pass.inputs().size(); i++) {
      g.add(i < 3 && pass.needs(i) ? like(found.get(i), pass.input(i)) : null);
    }
    return g;
  }

  /** A gradient in the dtype of what it belongs to; none for 8-bit floats and blocks. */
  private static @Nullable Tensor like(Tensor gradient, Tensor x) {
    return x.dtype().isArithmetic() ? gradient.cast(x.dtype()) : null;
  }

  /**
   * Softmax of scores; a hidden key has probability 0 even in a row that sees nothing. Such a row
   * is made finite first: NaN would come back in derivatives, hidden or not.
   */
  private static Tensor probabilities(Tensor s) {
    if (s.shape().elements() == 0) {
      return s;
    }
    Tensor low = s.scalarLike(Double.NEGATIVE_INFINITY);
    Tensor zero = s.scalarLike(0);
    Tensor nothing = s.max(true, -1).equal(low);
    return s.equal(low).where(zero, nothing.where(zero, s).softmax(-1));
  }

  /** Scores [b, hkv, group, tq, tk], those of hidden keys −∞. */
  private static Tensor scores(Attention op, List<Tensor> in) {
    return visible(op, in, capped(op, raw(op, in)));
  }

  private static Tensor raw(Attention op, List<Tensor> in) {
    Tensor q = in.get(0);
    long group = q.shape().dim(2) / in.get(1).shape().dim(2);
    Tensor k = keys(in.get(1).cast(q.dtype()));
    return queries(q, group).matmul(k.transpose()).mul(op.scale());
  }

  private static Tensor capped(Attention op, Tensor s) {
    return op.softCap() == 0 ? s : s.mul(1.0 / op.softCap()).tanh().mul(op.softCap());
  }

  private static Tensor visible(Attention op, List<Tensor> in, Tensor capped) {
    Tensor s = capped;
    Tensor visible = positions(op, in);
    if (op.hasMask()) {
      Shape ks = in.get(1).shape();
      long group = in.get(0).shape().dim(2) / ks.dim(2);
      Tensor mask = grouped(in.get(op.maskIndex()), ks.dim(2), group);
      if (mask.dtype() == ScalarType.BOOL) {
        visible = visible == null ? mask : visible.and(mask);
      } else {
        s = s.add(mask);
      }
    }
    return visible == null ? s : visible.where(s, s.scalarLike(Double.NEGATIVE_INFINITY));
  }

  /** Which keys positions allow: BOOL [b|1, 1, 1, tq, tk], or null if all. */
  private static @Nullable Tensor positions(Attention op, List<Tensor> in) {
    Tensor q = in.get(0);
    long tq = q.shape().dim(1);
    long tk = in.get(1).shape().dim(1);
    if (!op.causal() && !op.hasLengths() && op.window() == 0) {
      return null;
    }
    Tensor j = q.arange(ScalarType.I64, tk); // [tk]; 64 bits, since starts may be any I32
    Tensor length =
        op.hasLengths() ? perSequence(in.get(op.lengthsIndex())) : j.scalarLike((double) tk);
    Tensor start = op.hasStarts() ? perSequence(in.get(op.startsIndex())) : length.sub((double) tq);
    Tensor p = q.arange(ScalarType.I64, tq).unsqueeze(-1).add(start); // [b|, 1, 1, tq, 1]
    Tensor visible = j.less(length);
    if (op.causal()) {
      visible = visible.and(j.lessEqual(p));
    }
    if (op.window() > 0) {
      visible = visible.and(j.greater(p.sub(op.window())));
    }
    return visible;
  }

  private static Tensor perSequence(Tensor x) {
    return x.reshape(x.shape().dim(0), 1, 1, 1, 1).cast(ScalarType.I64);
  }

  /** [b, t, h, d] to [b, hkv, group, t, d]. */
  private static Tensor queries(Tensor q, long group) {
    Shape s = q.shape();
    return q.reshape(s.dim(0), s.dim(1), s.dim(2) / group, group, s.dim(3)).permute(0, 2, 3, 1, 4);
  }

  /** [b, t, hkv, d] to [b, hkv, 1, t, d]. */
  private static Tensor keys(Tensor k) {
    return k.permute(0, 2, 1, 3).unsqueeze(2);
  }

  /** [b, hkv, group, t, d] to [b, t, h, d]. */
  private static Tensor ungroup(Tensor x, Shape q) {
    return x.permute(0, 3, 1, 2, 4).reshape(q.with(3, x.shape().dim(-1)));
  }

  /** [b, hkv, group, t, d] summed over the group, as [b, t, hkv, d]. */
  private static Tensor sumGroup(Tensor x) {
    return x.sum(false, 2).permute(0, 2, 1, 3);
  }

  /** A mask that broadcasts to [b, h, tq, tk], with h split as [hkv, group]. */
  private static Tensor grouped(Tensor mask, long hkv, long group) {
    Tensor m = mask;
    while (m.shape().rank() < 4) {
      m = m.unsqueeze(0);
    }
    Shape s = m.shape();
    return s.dim(1) == 1 ? m.unsqueeze(1) : m.reshape(s.dim(0), hkv, group, s.dim(2), s.dim(3));
  }
}

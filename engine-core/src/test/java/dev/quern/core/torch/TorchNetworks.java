package dev.quern.core.torch;

import static dev.quern.core.torch.TorchOps.put;

import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Products, norms over the last axes, attention and embeddings. */
final class TorchNetworks {
  private TorchNetworks() {}

  static void add() {
    put("matmul", c -> matmul(c.in("input"), c.in("other")));
    put(
        "linear",
        c ->
            c.has("bias")
                ? c.in("input").linear(c.in("weight"), c.in("bias"))
                : c.in("input").linear(c.in("weight")));
    put("einsum", c -> Einsum.of(c.text("equation", ""), c.list("operands")));
    put("composite", c -> Formula.of(c));
    put("softmax", c -> c.in("input").softmax((int) c.integer("dim", -1)));
    put("log_softmax", c -> c.in("input").logSoftmax((int) c.integer("dim", -1)));
    put("layer_norm", c -> overLastAxes(c, true));
    put("rms_norm", c -> overLastAxes(c, false));
    put("embedding", TorchNetworks::embedding);
    put("rope", TorchNetworks::rope);
    put("scaled_dot_product_attention", TorchNetworks::attention);
  }

  static Tensor matmul(Tensor a, Tensor b) {
    Tensor l = a.shape().rank() == 1 ? a.unsqueeze(0) : a;
    Tensor r = b.shape().rank() == 1 ? b.unsqueeze(-1) : b;
    Tensor y = l.matmul(r);
    y = b.shape().rank() == 1 ? y.squeeze(-1) : y;
    return a.shape().rank() == 1 ? y.squeeze(b.shape().rank() == 1 ? -1 : -2) : y;
  }

  private static Tensor overLastAxes(TorchCase c, boolean centred) {
    Tensor x = c.in("input");
    long n = 1;
    int axes = c.integers("normalized_shape").length;
    for (int i : c.integers("normalized_shape")) {
      n *= i;
    }
    Shape rows = x.shape().slice(0, x.shape().rank() - axes);
    Tensor lines = x.reshape(rows.concat(Shape.of(n)));
    Tensor w = flat(x, c.optional("weight"), n, 1);
    float eps = (float) c.number("eps", centred ? 1e-5 : Math.ulp(1.0));
    Tensor y =
        centred
            ? lines.layerNorm(w, flat(x, c.optional("bias"), n, 0), eps)
            : lines.rmsNorm(w, eps);
    return y.reshape(x.shape());
  }

  private static Tensor flat(Tensor x, @Nullable Tensor given, long n, double otherwise) {
    return given == null ? x.fullLike(otherwise, Shape.of(n)) : given.reshape(n);
  }

  private static Tensor embedding(TorchCase c) {
    Tensor table = c.in("weight");
    ScalarType type = (ScalarType) table.dtype();
    if (!c.isSet("padding_idx")) {
      return table.embedding(c.in("input"), type);
    }
    long padding = c.integer("padding_idx", 0);
    long rows = table.shape().dim(0);
    return table.embedding(c.in("input"), type, padding < 0 ? padding + rows : padding);
  }

  private static Tensor rope(TorchCase c) {
    Tensor x = c.in("input"); // (..., T, D)
    long d = x.shape().dim(-1);
    double[] frequencies = new double[Math.toIntExact(d / 2)];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = Math.pow(c.number("theta", 10_000), -2.0 * i / d);
    }
    Tensor inverse = c.engine().tensor(frequencies, frequencies.length).cast(x.dtype());
    Tensor positions =
        x.arange(ScalarType.I64, x.shape().dim(-2)).add(c.number("position_offset", 0));
    Shape tokens = x.shape().slice(0, x.shape().rank() - 1);
    boolean interleaved =
        switch (c.text("layout", "half")) {
          case "half" -> false;
          case "interleaved" -> true;
          default -> throw new TorchCase.Uncovered("layout " + c.text("layout", ""));
        };
    return x.unsqueeze(-2).rope(positions.expand(tokens), inverse, interleaved).reshape(x.shape());
  }

  private static Tensor attention(TorchCase c) {
    Tensor q = heads(c.in("query"));
    Tensor k = heads(c.in("key"));
    Tensor v = heads(c.in("value"));
    boolean causal = c.flag("is_causal", false);
    boolean mask = c.has("attn_mask");
    float scale = (float) c.number("scale", 1 / Math.sqrt((double) q.shape().dim(3)));
    Attention op = new Attention(causal, scale, 0, 0, mask, causal, false);
    List<Tensor> more = new ArrayList<>();
    if (mask) {
      more.add(c.in("attn_mask"));
    }
    if (causal) { // the first query is at position 0, however many keys there are
      more.add(c.engine().tensor(new int[Math.toIntExact(q.shape().dim(0))], q.shape().dim(0)));
    }
    Tensor y = q.attention(k, v, op, more.toArray(Tensor[]::new)).transpose(1, 2);
    return y.reshape(c.in("query").shape().with(-1, y.shape().dim(-1)));
  }

  /** [..., h, t, d] as [b, t, h, d]. */
  private static Tensor heads(Tensor x) {
    Shape s = x.shape();
    if (s.rank() < 3) {
      throw new TorchCase.Uncovered("queries of rank " + s.rank());
    }
    long b = s.slice(0, s.rank() - 3).elements();
    return x.reshape(b, s.dim(-3), s.dim(-2), s.dim(-1)).transpose(1, 2);
  }
}

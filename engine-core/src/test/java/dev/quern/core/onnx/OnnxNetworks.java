package dev.quern.core.onnx;

import dev.quern.core.onnx.OnnxOps.Expression;
import dev.quern.core.op.LossOp.CrossEntropy;
import dev.quern.core.op.LossOp.Reduction;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;

/** Matrix products, rotary embedding and losses. */
final class OnnxNetworks {
  private OnnxNetworks() {}

  static void add(Map<String, Expression> ops) {
    ops.put("MatMul", c -> List.of(matmul(c.in(0), c.in(1))));
    ops.put("Gemm", c -> List.of(gemm(c)));
    ops.put("RotaryEmbedding", c -> List.of(rotary(c)));
    ops.put("SoftmaxCrossEntropyLoss", OnnxNetworks::softmaxCrossEntropy);
    ops.put("NegativeLogLikelihoodLoss", c -> List.of(negativeLogLikelihood(c)));
    ops.put("Attention", OnnxAttention::attention);
  }

  /** NumPy's rule: a vector is a row on the left, a column on the right, and its axis vanishes. */
  private static Tensor matmul(Tensor a, Tensor b) {
    boolean row = a.shape().rank() == 1;
    boolean column = b.shape().rank() == 1;
    Tensor y = (row ? a.unsqueeze(0) : a).matmul(column ? b.unsqueeze(1) : b);
    y = row ? y.squeeze(-2) : y;
    return column ? y.squeeze(-1) : y;
  }

  private static Tensor gemm(OnnxCase c) {
    Tensor a = c.integer("transA", 0) == 1 ? c.in(0).transpose() : c.in(0);
    Tensor b = c.integer("transB", 0) == 1 ? c.in(1).transpose() : c.in(1);
    Tensor y = a.matmul(b).mul(c.number("alpha", 1));
    return c.has(2) ? y.add(c.in(2).mul(c.number("beta", 1))) : y;
  }

  /** The angles come as cosines and sines, so this is the rotation spelled out. */
  private static Tensor rotary(OnnxCase c) {
    Tensor x = c.in(0); // [b, h, t, d]
    if (x.shape().rank() != 4) {
      throw new OnnxCase.Uncovered("3-d layout");
    }
    boolean interleaved = c.integer("interleaved", 0) == 1;
    Tensor cos = c.has(3) ? c.in(1).indexSelect(0, c.in(3)) : c.in(1); // [b, t, r/2]
    Tensor sin = c.has(3) ? c.in(2).indexSelect(0, c.in(3)) : c.in(2);
    cos = cos.unsqueeze(1);
    sin = sin.unsqueeze(1);
    long half = cos.shape().dim(-1);
    long rest = x.shape().dim(-1) - 2 * half;
    Tensor a = interleaved ? x.slice(-1, 0, half, 2) : x.slice(-1, 0, half);
    Tensor b = interleaved ? x.slice(-1, 1, half, 2) : x.slice(-1, half, half);
    Tensor p = a.mul(cos).sub(b.mul(sin));
    Tensor q = a.mul(sin).add(b.mul(cos));
    Tensor y = interleaved ? p.stack(-1, q).reshape(x.shape().with(-1, 2 * half)) : p.concat(-1, q);
    return rest == 0 ? y : y.concat(-1, x.slice(-1, 2 * half, rest));
  }

  /** Class axis 1 becomes the last. */
  private static Tensor classesLast(Tensor x) {
    int rank = x.shape().rank();
    return x.permute(
        IntStream.range(0, rank).map(a -> a == 0 ? 0 : a == rank - 1 ? 1 : a + 1).toArray());
  }

  private static Reduction reduction(OnnxCase c) {
    return Reduction.valueOf(c.text("reduction", "mean").toUpperCase(Locale.ROOT));
  }

  private static List<Tensor> softmaxCrossEntropy(OnnxCase c) {
    Tensor x = c.in(0);
    List<Tensor> in = new ArrayList<>(List.of(classesLast(x), c.in(1)));
    if (c.has(2)) {
      in.add(c.in(2));
    }
    var op = new CrossEntropy(c.integer("ignore_index", Long.MIN_VALUE), 0, reduction(c), c.has(2));
    return List.of(c.engine.apply(op, in).getFirst(), x.logSoftmax(1));
  }

  /** The logarithms are given: −w[t] · x[t], spelled out. */
  private static Tensor negativeLogLikelihood(OnnxCase c) {
    Tensor x = classesLast(c.in(0)); // [n, ..., classes]
    Tensor t = c.in(1).cast(ScalarType.I64);
    Tensor ignored = c.engine.tensor(new long[] {c.integer("ignore_index", -1)});
    Tensor valid = t.notEqual(ignored);
    Tensor safe = valid.where(t, t.fullLike(0)).unsqueeze(-1);
    Tensor weight = c.has(2) ? c.in(2).expand(x.shape()) : x.fullLike(1);
    Tensor w = weight.gather(-1, safe).squeeze(-1);
    w = valid.where(w, w.fullLike(0));
    Tensor losses = x.gather(-1, safe).squeeze(-1).mul(w).neg();
    return switch (reduction(c)) {
      case NONE -> losses;
      case SUM -> losses.sum();
      case MEAN -> losses.sum().div(w.sum());
    };
  }
}

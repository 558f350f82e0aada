package dev.quern.testkit;

import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.AttentionGradOp.AttentionGrad;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.DropoutOp.Dropout;
import dev.quern.core.op.LossOp.CrossEntropy;
import dev.quern.core.op.LossOp.CrossEntropyGrad;
import dev.quern.core.op.LossOp.Reduction;
import dev.quern.core.op.NormGradOp.LayerNormGrad;
import dev.quern.core.op.NormGradOp.RmsNormGrad;
import dev.quern.core.op.NormOp.LayerNorm;
import dev.quern.core.op.NormOp.RmsNorm;
import dev.quern.core.op.Op;
import dev.quern.core.op.ScatterOp.IndexAdd;
import dev.quern.core.op.ScatterOp.ScatterAdd;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.testkit.Samples.Mix;
import java.util.ArrayList;
import java.util.List;

/** What training adds: gradients in one pass, sums by index, dropout. */
final class GradientCases {
  private static final List<ScalarType> FLOATS =
      List.of(ScalarType.F32, ScalarType.F64, ScalarType.F16, ScalarType.BF16);

  private GradientCases() {}

  static void add(List<KernelCase> to) {
    for (ScalarType t : FLOATS) {
      activations(to, t);
      norms(to, t);
      losses(to, t);
      dropout(to, t);
      for (boolean causal : new boolean[] {false, true}) {
        Attention plain = new Attention(causal, 0.5f, 0, 0, false, false, false);
        Attention special = new Attention(causal, 0.25f, 2f, 3, true, false, true);
        attention(to, t, plain, 0.3);
        attention(to, t, special, 0.3);
        if (t == ScalarType.F16 || t == ScalarType.BF16) {
          List<KernelCase> exact = new ArrayList<>();
          attention(exact, t, plain, 0.3);
          attention(exact, t, special, 0.3);
          exact.forEach(c -> to.add(c.fast()));
        }
        if (t == ScalarType.F32) {
          List<KernelCase> small = new ArrayList<>();
          attention(small, t, plain, AttentionCases.SMALL);
          attention(small, t, special, AttentionCases.SMALL);
          small.forEach(c -> to.add(c.rounded()));
        }
      }
    }
    large(to);
    for (ScalarType t : List.of(ScalarType.F32, ScalarType.F64, ScalarType.BF16, ScalarType.I32)) {
      scatter(to, t);
    }
  }

  /** A case that continues the forward one: its last inputs are what that one left. */
  static KernelCase after(Op op, KernelCase forward, Operand gradient, boolean results) {
    List<Operand> in = new ArrayList<>(forward.inputs());
    in.add(gradient);
    List<Operand> left = left(forward);
    in.addAll(results ? left : left.subList(1, left.size()));
    return KernelCase.of(op, in.toArray(Operand[]::new));
  }

  /** Results and residuals as the reference computes them. */
  static List<Operand> left(KernelCase forward) {
    return Expected.of(forward.withResiduals()).results().stream().map(Operand::new).toList();
  }

  private static void activations(List<KernelCase> to, ScalarType t) {
    Samples s = new Samples(t.ordinal());
    for (LayoutKind kind : KernelCases.layouts(t)) {
      for (long n : new long[] {1, 17, 65}) {
        Operand g = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 3, n);
        Operand x = s.of(t, kind, Mix.PLAIN, 3, n);
        Operand up = s.of(t, LayoutKind.OFFSET, Mix.PLAIN, n);
        to.add(KernelCase.of(new ActivationGradOp.SiluGrad(), g, x));
        for (boolean tanh : new boolean[] {false, true}) {
          to.add(KernelCase.of(new ActivationGradOp.GeluGrad(tanh), g, x));
          to.add(KernelCase.of(new ActivationGradOp.GeGluGrad(tanh), g, x, up));
        }
        to.add(KernelCase.of(new ActivationGradOp.SwiGluGrad(), g, x, up));
      }
    }
  }

  private static void norms(List<KernelCase> to, ScalarType t) {
    Samples s = new Samples(t.ordinal());
    for (LayoutKind kind : KernelCases.layouts(t)) {
      for (long c : new long[] {1, 16, 33, 257}) {
        Operand x = s.of(t, kind, Mix.PLAIN, 2, 9, c);
        Operand g = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, 9, c);
        Operand weight = s.of(t, LayoutKind.OFFSET, Mix.PLAIN, c);
        Operand bias = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, c);
        List<Operand> rms = left(KernelCase.of(new RmsNorm(0.5f), x, weight));
        List<Operand> layer = left(KernelCase.of(new LayerNorm(0.5f), x, weight, bias));
        for (boolean affine : new boolean[] {false, true}) {
          to.add(KernelCase.of(new RmsNormGrad(0.5f, affine), g, x, weight, rms.get(1)));
          to.add(
              KernelCase.of(
                  new LayerNormGrad(0.5f, affine), g, x, weight, layer.get(1), layer.get(2)));
        }
      }
    }
  }

  private static void losses(List<KernelCase> to, ScalarType t) {
    Samples s = new Samples(t.ordinal());
    for (Reduction r : Reduction.values()) {
      for (double smoothing : new double[] {0, 0.25}) {
        for (boolean weighted : new boolean[] {false, true}) {
          for (long v : new long[] {4, 17, 65}) {
            LayoutKind kind = v == 17 ? LayoutKind.ROWS : LayoutKind.CONTIGUOUS;
            Operand x = s.of(t, kind, Mix.PLAIN, 2, 5, v);
            ScalarType index = v % 2 == 0 ? ScalarType.I32 : ScalarType.I64;
            Operand targets = s.integers(index, kind, Shape.of(2, 5), 0, v);
            Operand weight = s.given(t, LayoutKind.CONTIGUOUS, Shape.of(v), 1, 0.5, 2, 0.25);
            Op loss = new CrossEntropy(3, smoothing, r, weighted);
            KernelCase forward =
                weighted
                    ? KernelCase.of(loss, x, targets, weight)
                    : KernelCase.of(loss, x, targets);
            Shape shape = r == Reduction.NONE ? Shape.of(2, 5) : Shape.SCALAR;
            Operand g = s.given(t, LayoutKind.CONTIGUOUS, shape, 0.5, -2, 1);
            Op op = new CrossEntropyGrad(3, smoothing, r, weighted);
            to.add(after(op, forward, g, false));
          }
        }
      }
    }
  }

  /** More than one slice of work. */
  private static void large(List<KernelCase> to) {
    ScalarType t = ScalarType.F32;
    LayoutKind kind = LayoutKind.CONTIGUOUS;
    Samples s = new Samples(99);
    for (long[] shape : new long[][] {{2, 300, 65}, {9, 5000}}) {
      Operand x = s.of(t, kind, Mix.PLAIN, shape);
      Operand g = s.of(t, kind, Mix.PLAIN, shape);
      Shape c = Shape.of(shape[shape.length - 1]);
      Operand weight = s.of(t, kind, Mix.PLAIN, c.dims());
      List<Operand> rms = left(KernelCase.of(new RmsNorm(0.5f), x, weight));
      List<Operand> layer = left(KernelCase.of(new LayerNorm(0.5f), x, weight, weight));
      to.add(KernelCase.of(new RmsNormGrad(0.5f, true), g, x, weight, rms.get(1)));
      to.add(
          KernelCase.of(new LayerNormGrad(0.5f, true), g, x, weight, layer.get(1), layer.get(2)));
      to.add(KernelCase.of(new ActivationGradOp.SwiGluGrad(), g, x, weight));
      to.add(KernelCase.of(new ActivationGradOp.GeluGrad(false), g, x));
      Shape rows = x.view().shape().slice(0, shape.length - 1);
      Operand targets = s.integers(ScalarType.I32, kind, rows, 0, c.dim(0));
      Operand one = s.given(t, kind, Shape.SCALAR, 1);
      KernelCase loss = KernelCase.of(new CrossEntropy(3, 0, Reduction.MEAN, false), x, targets);
      to.add(loss.withResiduals());
      to.add(after(new CrossEntropyGrad(3, 0, Reduction.MEAN, false), loss, one, false));
      Operand seed = s.given(ScalarType.I64, kind, Shape.of(2), 5, 6);
      to.add(KernelCase.of(new Dropout(0.1f), x, seed));
    }
    for (boolean causal : new boolean[] {false, true}) {
      Attention op = new Attention(causal, 0.25f, 0, 0, false, false, false);
      for (double deviation : new double[] {0.3, AttentionCases.SMALL}) {
        List<KernelCase> cases = new ArrayList<>();
        cases.add(squareAttention(s, op, t, deviation, 1, 130, 2, 1, 40));
        cases.add(squareAttention(s, op, t, deviation, 2, 70, 4, 2, 64));
        cases.add(squareAttention(s, op, t, deviation, 1, 290, 3, 3, 32));
        cases.forEach(c -> to.add(deviation < 0.3 ? c.rounded() : c));
      }
      Attention window = new Attention(causal, 0.25f, 0, 50, false, false, false);
      Attention capped = new Attention(causal, 0.25f, 2, 0, false, false, false);
      for (ScalarType half : List.of(ScalarType.F16, ScalarType.BF16)) {
        to.add(squareAttention(s, op, half, 0.3, 1, 130, 2, 1, 40).fast());
        to.add(squareAttention(s, op, half, 0.3, 2, 70, 4, 2, 64).fast());
        to.add(squareAttention(s, op, half, 0.3, 1, 200, 3, 3, 128).fast());
        to.add(squareAttention(s, window, half, 0.3, 1, 140, 6, 2, 96).fast());
        to.add(squareAttention(s, window, half, 0.3, 1, 131, 2, 2, 35).fast());
        to.add(squareAttention(s, capped, half, 0.3, 1, 65, 2, 2, 64).fast());
      }
    }
  }

  /** The gradient where queries and keys are as many, as in training. */
  private static KernelCase squareAttention(
      Samples s,
      Attention op,
      ScalarType t,
      double deviation,
      long batch,
      long tokens,
      long heads,
      long kvHeads,
      long d) {
    LayoutKind kind = LayoutKind.CONTIGUOUS;
    Operand q = s.of(t, kind, Mix.PLAIN, deviation, batch, tokens, heads, d);
    Operand k = s.of(t, kind, Mix.PLAIN, deviation, batch, tokens, kvHeads, d);
    Operand g = s.of(t, kind, Mix.PLAIN, 0.3, batch, tokens, heads, d);
    return after(new AttentionGrad(op), KernelCase.of(op, q, k, k), g, true);
  }

  private static void dropout(List<KernelCase> to, ScalarType t) {
    Samples s = new Samples(t.ordinal());
    for (LayoutKind kind : KernelCases.layouts(t)) {
      for (long n : new long[] {1, 15, 257, 4097}) {
        Operand seed = s.given(ScalarType.I64, LayoutKind.CONTIGUOUS, Shape.of(2), 77 + n, n);
        to.add(KernelCase.of(new Dropout(0.25f), s.of(t, kind, Mix.EDGES, 3, n), seed));
      }
    }
  }

  private static void attention(List<KernelCase> to, ScalarType t, Attention op, double deviation) {
    Samples s = new Samples(t.ordinal());
    for (LayoutKind kind : List.of(LayoutKind.CONTIGUOUS, LayoutKind.ROWS)) {
      for (long tk : new long[] {5, 17}) {
        List<Operand> in = new ArrayList<>();
        // Deviations that leave the softmax unsure: else p (dP − D) is nothing but rounding.
        in.add(s.of(t, kind, Mix.PLAIN, deviation, 2, 3, 4, 16));
        in.add(s.of(t, kind, Mix.PLAIN, deviation, 2, tk, 2, 16));
        in.add(s.of(t, kind, Mix.PLAIN, 2, tk, 2, 8));
        if (op.hasMask()) {
          in.add(s.of(ScalarType.BOOL, kind, Mix.PLAIN, 2, 1, 3, tk));
        }
        if (op.hasLengths()) {
          in.add(s.given(ScalarType.I32, LayoutKind.CONTIGUOUS, Shape.of(2), 4, tk));
        }
        Operand g = s.of(t, kind, Mix.PLAIN, 2, 3, 4, 8);
        KernelCase forward = KernelCase.of(op, in.toArray(Operand[]::new));
        to.add(after(new AttentionGrad(op), forward, g, true));
      }
    }
  }

  private static void scatter(List<KernelCase> to, ScalarType t) {
    Samples s = new Samples(t.ordinal());
    Operand tokens = s.integers(ScalarType.I32, LayoutKind.CONTIGUOUS, Shape.of(3, 100), 0, 70);
    Operand gradients = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 3, 100, 130);
    for (LayoutKind kind : List.of(LayoutKind.BROADCAST, LayoutKind.STEPPED)) {
      Operand table = s.of(t, kind, Mix.PLAIN, 70, 130);
      to.add(KernelCase.of(new IndexAdd(0), table, tokens, gradients));
    }
    for (LayoutKind kind : KernelCases.layouts(t)) {
      Operand x = s.of(t, kind, Mix.PLAIN, 3, 5, 17);
      for (int axis = -1; axis < 2; axis++) {
        Shape shape = x.view().shape();
        long extent = shape.dim(axis);
        int a = shape.axis(axis);
        ScalarType index = axis == 0 ? ScalarType.I32 : ScalarType.I64;
        Operand some = s.integers(index, kind, Shape.of(2, 6), -extent, extent);
        Shape source = shape.slice(0, a).concat(Shape.of(2, 6)).concat(shape.slice(a + 1, 3));
        to.add(KernelCase.of(new IndexAdd(axis), x, some, s.of(t, kind, Mix.PLAIN, source.dims())));
        Shape part = Shape.of(3, 4, 11).with(axis, 21);
        Operand each = s.integers(index, kind, part, -extent, extent);
        to.add(KernelCase.of(new ScatterAdd(axis), x, each, s.of(t, kind, Mix.PLAIN, part.dims())));
      }
    }
  }
}

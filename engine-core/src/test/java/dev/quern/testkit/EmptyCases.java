package dev.quern.testkit;

import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.AttentionGradOp.AttentionGrad;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.DropoutOp.Dropout;
import dev.quern.core.op.LossOp.CrossEntropy;
import dev.quern.core.op.LossOp.CrossEntropyGrad;
import dev.quern.core.op.LossOp.Reduction;
import dev.quern.core.op.NormGradOp.LayerNormGrad;
import dev.quern.core.op.NormGradOp.RmsNormGrad;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.op.ScatterOp.IndexAdd;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.testkit.Samples.Mix;
import java.util.List;

/** Operands without elements: batches of no rows, sums of nothing, no ids to look up. */
final class EmptyCases {
  private EmptyCases() {}

  static void add(List<KernelCase> to) {
    for (ScalarType t : List.of(ScalarType.F32, ScalarType.F64, ScalarType.BF16)) {
      Samples s = new Samples(t.ordinal());
      norms(to, s, t);
      losses(to, s, t);
      reductions(to, s, t);
      lookUps(to, s, t);
      attention(to, s, t);
      Operand none = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 0, 17);
      to.add(KernelCase.of(new ActivationGradOp.SiluGrad(), none, none));
      to.add(KernelCase.of(new ActivationGradOp.GeluGrad(true), none, none));
      to.add(KernelCase.of(new ActivationGradOp.SwiGluGrad(), none, none, none));
      Operand seed = s.given(ScalarType.I64, LayoutKind.CONTIGUOUS, Shape.of(2), 5, 6);
      to.add(KernelCase.of(new Dropout(0.1f), none, seed));
    }
  }

  private static void norms(List<KernelCase> to, Samples s, ScalarType t) {
    LayoutKind kind = LayoutKind.CONTIGUOUS;
    for (long[] dims : new long[][] {{0, 8}, {2, 0, 33}, {0, 5000}}) {
      Operand x = s.of(t, kind, Mix.PLAIN, dims);
      Operand weight = s.of(t, kind, Mix.PLAIN, dims[dims.length - 1]);
      KernelCase rms = KernelCase.of(new NormOp.RmsNorm(0.5f), x, weight);
      KernelCase layer = KernelCase.of(new NormOp.LayerNorm(0.5f), x, weight, weight);
      to.addAll(List.of(rms, rms.withResiduals(), layer, layer.withResiduals()));
      Operand inverse = GradientCases.left(rms).get(1);
      to.add(KernelCase.of(new NormOp.Softmax(-1), x));
      to.add(KernelCase.of(new NormOp.LogSoftmax(-1), x));
      for (boolean affine : new boolean[] {false, true}) {
        to.add(KernelCase.of(new RmsNormGrad(0.5f, affine), x, x, weight, inverse));
        to.add(KernelCase.of(new LayerNormGrad(0.5f, affine), x, x, weight, inverse, inverse));
      }
    }
  }

  private static void losses(List<KernelCase> to, Samples s, ScalarType t) {
    Operand x = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, 0, 17);
    Operand targets = s.integers(ScalarType.I32, LayoutKind.CONTIGUOUS, Shape.of(2, 0), 0, 17);
    for (Reduction r : Reduction.values()) {
      KernelCase loss = KernelCase.of(new CrossEntropy(3, 0, r, false), x, targets);
      to.add(loss);
      Shape shape = r == Reduction.NONE ? Shape.of(2, 0) : Shape.SCALAR;
      Operand g = s.given(t, LayoutKind.CONTIGUOUS, shape, 0.5);
      to.add(GradientCases.after(new CrossEntropyGrad(3, 0, r, false), loss, g, false));
    }
  }

  private static void reductions(List<KernelCase> to, Samples s, ScalarType t) {
    for (long[] dims : new long[][] {{0, 17}, {5, 0}, {0, 5000}}) {
      Operand x = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, dims);
      for (int axis = 0; axis < 2; axis++) {
        List<Integer> axes = List.of(axis);
        to.add(KernelCase.of(new ReduceOp.Sum(axes, false), x));
        to.add(KernelCase.of(new ReduceOp.Prod(axes, false), x));
        to.add(KernelCase.of(new ReduceOp.Mean(axes, true), x));
      }
      to.add(KernelCase.of(new ReduceOp.Sum(List.of(0, 1), false), x));
    }
  }

  private static void lookUps(List<KernelCase> to, Samples s, ScalarType t) {
    Operand table = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 9, 65);
    Operand ids = s.integers(ScalarType.I32, LayoutKind.CONTIGUOUS, Shape.of(2, 0), 0, 9);
    Operand none = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, 0, 65);
    to.add(KernelCase.of(new DataOp.Embedding(t), table, ids));
    to.add(KernelCase.of(new IndexAdd(0), table, ids, none));
  }

  /** A batch of no sequences, and sequences of no queries. */
  private static void attention(List<KernelCase> to, Samples s, ScalarType t) {
    Attention op = new Attention(false, 0.5f, 0, 0, false, false, false);
    for (long[] extents : new long[][] {{0, 3}, {2, 0}}) {
      Operand q = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, extents[0], extents[1], 2, 16);
      Operand k = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, extents[0], 5, 2, 16);
      KernelCase forward = KernelCase.of(op, q, k, k);
      to.add(forward);
      to.add(GradientCases.after(new AttentionGrad(op), forward, q, true));
    }
  }
}

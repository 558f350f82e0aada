package dev.quern.testkit;

import dev.quern.core.op.LossOp.CrossEntropy;
import dev.quern.core.op.LossOp.Reduction;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.Op;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.testkit.Samples.Mix;
import java.util.List;

/** Softmax, the layer norms and cross-entropy. */
final class NormCases {
  private static final List<ScalarType> FLOATS =
      List.of(ScalarType.F32, ScalarType.F64, ScalarType.F16, ScalarType.BF16);

  private NormCases() {}

  static void add(List<KernelCase> to) {
    for (ScalarType t : FLOATS) {
      for (int axis = -1; axis < 2; axis++) {
        softmax(to, t, new NormOp.Softmax(axis), axis);
        softmax(to, t, new NormOp.LogSoftmax(axis), axis);
      }
      norms(to, t, 1e-5f);
      norms(to, t, 0.5f);
      losses(to, t);
    }
  }

  private static void softmax(List<KernelCase> to, ScalarType t, Op op, int axis) {
    Samples s = new Samples(op.toString().hashCode() + t.ordinal());
    if (axis == -1) {
      for (long n : KernelCases.sizes(t)) {
        to.add(KernelCase.of(op, s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, n > 1000 ? 2 : 5, n)));
      }
    }
    for (LayoutKind kind : KernelCases.layouts(t)) {
      to.add(KernelCase.of(op, s.of(t, kind, Mix.PLAIN, 3, 5, 17)));
      // logSoftmax beside +∞ is NaN or -∞, depending on the order of two subtractions
      Mix mix = op instanceof NormOp.Softmax ? Mix.EDGES : Mix.PLAIN;
      to.add(KernelCase.of(op, s.of(t, kind, mix, 7, 33)));
    }
    double low = Double.NEGATIVE_INFINITY;
    to.add(
        KernelCase.of(
            op, s.given(t, LayoutKind.CONTIGUOUS, Shape.of(2, 3), low, 1, 2, low, low, low)));
  }

  private static void norms(List<KernelCase> to, ScalarType t, float eps) {
    Samples s = new Samples(t.ordinal());
    for (long n : KernelCases.sizes(t)) {
      norm(to, s, t, eps, LayoutKind.CONTIGUOUS, Mix.PLAIN, n > 1000 ? 2 : 5, n);
    }
    for (LayoutKind kind : KernelCases.layouts(t)) {
      norm(to, s, t, eps, kind, Mix.PLAIN, 2, 3, 33);
      norm(to, s, t, eps, kind, Mix.EDGES, 9, 17);
    }
  }

  private static void norm(
      List<KernelCase> to,
      Samples s,
      ScalarType t,
      float eps,
      LayoutKind kind,
      Mix mix,
      long... dims) {
    long c = dims[dims.length - 1];
    Operand x = s.of(t, kind, mix, dims);
    Operand weight = s.of(t, LayoutKind.OFFSET, Mix.PLAIN, c);
    Operand bias = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, c);
    KernelCase rms = KernelCase.of(new NormOp.RmsNorm(eps), x, weight);
    KernelCase layer = KernelCase.of(new NormOp.LayerNorm(eps), x, weight, bias);
    to.addAll(List.of(rms, rms.withResiduals(), layer, layer.withResiduals()));
  }

  private static void losses(List<KernelCase> to, ScalarType t) {
    Samples s = new Samples(t.ordinal());
    for (Reduction r : Reduction.values()) {
      for (double smoothing : new double[] {0, 0.25}) {
        for (boolean weighted : new boolean[] {false, true}) {
          Op op = new CrossEntropy(3, smoothing, r, weighted);
          for (long v : new long[] {4, 17, 65, 257}) {
            for (LayoutKind kind : new LayoutKind[] {LayoutKind.CONTIGUOUS, LayoutKind.ROWS}) {
              Operand x = s.of(t, kind, Mix.PLAIN, 2, 5, v);
              ScalarType index = v % 2 == 0 ? ScalarType.I32 : ScalarType.I64;
              Operand targets = s.integers(index, kind, Shape.of(2, 5), 0, v);
              Operand weight = s.given(t, LayoutKind.CONTIGUOUS, Shape.of(v), 1, 0.5, 2, 0.25);
              to.add(
                  weighted ? KernelCase.of(op, x, targets, weight) : KernelCase.of(op, x, targets));
            }
          }
        }
      }
    }
  }
}

package dev.quern.testkit;

import dev.quern.core.op.BatchNormOp.BatchNorm;
import dev.quern.core.op.BatchNormOp.GroupNorm;
import dev.quern.core.op.ConvOp.Conv;
import dev.quern.core.op.ConvOp.ConvTranspose;
import dev.quern.core.op.PoolOp.AvgPool;
import dev.quern.core.op.PoolOp.MaxPool;
import dev.quern.core.op.ScanOp.ArgSort;
import dev.quern.core.op.ScanOp.CumSum;
import dev.quern.core.op.ScatterOp.Fold;
import dev.quern.core.type.ScalarType;
import dev.quern.testkit.Samples.Mix;
import java.util.List;

/** Scans, orders, windows, convolutions, pooling, and norms over channels. */
final class SpaceCases {
  private static final List<ScalarType> FLOATS =
      List.of(ScalarType.F32, ScalarType.F64, ScalarType.F16, ScalarType.BF16);

  private SpaceCases() {}

  static void add(List<KernelCase> to) {
    for (ScalarType t : FLOATS) {
      scans(to, t, Mix.EDGES);
      for (LayoutKind kind : KernelCases.layouts(t)) {
        convolutions(to, t, kind);
        pools(to, t, kind);
        norms(to, t, kind);
      }
    }
    scans(to, ScalarType.I32, Mix.HUGE);
    scans(to, ScalarType.I8, Mix.PLAIN);
  }

  private static void scans(List<KernelCase> to, ScalarType t, Mix mix) {
    Samples s = new Samples(t.ordinal());
    for (LayoutKind kind : KernelCases.layouts(t)) {
      for (int axis = -1; axis < 2; axis++) {
        for (boolean second : new boolean[] {false, true}) {
          to.add(KernelCase.of(new CumSum(axis, second), s.of(t, kind, Mix.PLAIN, 3, 5, 17)));
          to.add(KernelCase.of(new ArgSort(axis, second), s.of(t, kind, mix, 3, 5, 17)));
        }
      }
      to.add(KernelCase.of(new Fold(1, 9, 2, 1), s.of(t, kind, Mix.PLAIN, 2, 4, 3)));
      to.add(KernelCase.of(new Fold(0, 12, 1, 3), s.of(t, kind, Mix.PLAIN, 5, 2, 3)));
    }
  }

  private static void convolutions(List<KernelCase> to, ScalarType t, LayoutKind kind) {
    Samples s = new Samples(t.ordinal());
    LayoutKind plain = LayoutKind.CONTIGUOUS;
    Operand bias = s.of(t, plain, Mix.PLAIN, 4);
    for (int stride = 1; stride < 3; stride++) {
      Operand x = s.of(t, kind, Mix.PLAIN, 2, 4, 17);
      Operand w = s.of(t, plain, Mix.PLAIN, 4, 2, 3);
      List<Integer> steps = List.of(stride);
      to.add(KernelCase.of(new Conv(steps, List.of(1), List.of(2), 2, true), x, w, bias));
      to.add(
          KernelCase.of(
              new ConvTranspose(steps, List.of(1), List.of(stride - 1), List.of(1), 2, true),
              x,
              w,
              bias));
      Operand x2 = s.of(t, kind, Mix.PLAIN, 1, 3, 5, 6);
      Operand w2 = s.of(t, kind, Mix.PLAIN, 4, 3, 2, 3);
      List<Integer> both = List.of(1, stride);
      List<Integer> ones = List.of(1, 1);
      to.add(KernelCase.of(new Conv(both, List.of(0, 1), ones, 1, false), x2, w2));
      to.add(
          KernelCase.of(
              new ConvTranspose(both, List.of(0, 1), List.of(0, 0), ones, 1, false),
              s.of(t, kind, Mix.PLAIN, 1, 4, 3, 4),
              w2));
    }
  }

  private static void pools(List<KernelCase> to, ScalarType t, LayoutKind kind) {
    Samples s = new Samples(t.ordinal());
    Operand x = s.of(t, kind, Mix.PLAIN, 2, 3, 6, 7);
    List<Integer> size = List.of(2, 3);
    List<Integer> padding = List.of(1, 1);
    for (boolean ceil : new boolean[] {false, true}) {
      for (int stride = 1; stride < 3; stride++) {
        List<Integer> steps = List.of(2, stride);
        to.add(KernelCase.of(new MaxPool(size, steps, padding, List.of(2, 1), ceil), x));
        to.add(KernelCase.of(new AvgPool(size, steps, padding, ceil, stride == 1), x));
      }
    }
  }

  private static void norms(List<KernelCase> to, ScalarType t, LayoutKind kind) {
    Samples s = new Samples(t.ordinal());
    Operand weight = s.of(t, LayoutKind.OFFSET, Mix.PLAIN, 6);
    Operand bias = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 6);
    for (Operand x : List.of(s.of(t, kind, Mix.PLAIN, 5, 6), s.of(t, kind, Mix.PLAIN, 2, 6, 17))) {
      to.add(KernelCase.of(new BatchNorm(0.5f), x, weight, bias));
      to.add(KernelCase.of(new GroupNorm(2, 0.5f), x, weight, bias));
    }
  }
}

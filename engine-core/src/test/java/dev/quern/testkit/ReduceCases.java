package dev.quern.testkit;

import dev.quern.core.op.Op;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.testkit.Samples.Mix;
import java.util.List;

/** Reductions over the last, the first, a middle, several, all and no axes. */
final class ReduceCases {
  private static final List<List<Integer>> AXES =
      List.of(List.of(-1), List.of(0), List.of(1), List.of(0, 2), List.of(0, 1, 2), List.of());

  private ReduceCases() {}

  static void add(List<KernelCase> to) {
    for (ScalarType t : ScalarType.values()) {
      if (t == ScalarType.BOOL || !t.isArithmetic()) {
        continue;
      }
      for (int i = 0; i < AXES.size(); i++) {
        List<Integer> axes = AXES.get(i);
        boolean keep = i % 2 == 0;
        over(to, t, new ReduceOp.Sum(axes, keep), axes);
        over(to, t, new ReduceOp.Max(axes, keep), axes);
        over(to, t, new ReduceOp.Min(axes, keep), axes);
        if (t.isFloating()) {
          over(to, t, new ReduceOp.Mean(axes, keep), axes);
          over(to, t, new ReduceOp.Var(axes, keep, keep ? 1 : 0), axes);
          over(to, t, new ReduceOp.LogSumExp(axes, keep), axes);
        }
        product(to, t, new ReduceOp.Prod(axes, keep));
      }
      for (int axis = -1; axis < 2; axis++) {
        over(to, t, new ReduceOp.ArgMax(axis, axis == 0), List.of(axis));
      }
    }
    leading(to);
  }

  private static void over(List<KernelCase> to, ScalarType t, Op op, List<Integer> axes) {
    Samples s = new Samples(op.toString().hashCode() + t.ordinal());
    if (axes.equals(List.of(-1))) {
      for (long n : KernelCases.sizes(t)) {
        Mix mix = n % 2 == 0 ? Mix.EDGES : Mix.PLAIN;
        to.add(KernelCase.of(op, s.of(t, LayoutKind.CONTIGUOUS, mix, n)));
        to.add(KernelCase.of(op, s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, n > 1000 ? 2 : 5, n)));
      }
    }
    for (LayoutKind kind : KernelCases.layouts(t)) {
      to.add(KernelCase.of(op, s.of(t, kind, Mix.PLAIN, 3, 5, 17)));
      to.add(KernelCase.of(op, s.of(t, kind, Mix.EDGES, 2, 3, 33)));
    }
  }

  /** Gradients of biases: more rows, columns and elements than a slice has. */
  private static void leading(List<KernelCase> to) {
    Samples s = new Samples(7);
    ReduceOp first = new ReduceOp.Sum(List.of(0), false);
    for (long[] dims : new long[][] {{700, 129}, {9, 5000}, {100_000}, {1, 3}, {70, 1}}) {
      to.add(KernelCase.of(first, s.of(ScalarType.F32, LayoutKind.CONTIGUOUS, Mix.PLAIN, dims)));
    }
    Operand x = s.of(ScalarType.F32, LayoutKind.CONTIGUOUS, Mix.PLAIN, 3, 300, 70);
    to.add(KernelCase.of(new ReduceOp.Sum(List.of(1, 0), true), x));
  }

  /** Factors near 1, so that the product stays in range. */
  private static void product(List<KernelCase> to, ScalarType t, Op op) {
    Samples s = new Samples(t.ordinal());
    for (LayoutKind kind : KernelCases.layouts(t)) {
      to.add(KernelCase.of(op, s.given(t, kind, Shape.of(3, 5, 17), 1, 1.25, -0.75, 1, 1.5)));
    }
  }
}

package dev.quern.testkit;

import static dev.quern.testkit.GradientCheck.integers;
import static dev.quern.testkit.GradientCheck.once;
import static dev.quern.testkit.GradientCheck.real;
import static dev.quern.testkit.GradientCheck.twice;
import static dev.quern.testkit.GradientCheck.viewed;

import dev.quern.core.op.DataOp;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.op.ShapeOp;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.testkit.GradientCheck.View;
import java.util.List;

/** Reductions, views, joins and look-ups. */
final class ShapeGradientChecks {
  private ShapeGradientChecks() {}

  static void add(List<GradientCheck> to) {
    for (boolean keep : new boolean[] {false, true}) {
      for (List<Integer> axes :
          List.of(List.of(0, 2), List.of(-1), List.of(1), List.of(0, 1, 2), List.<Integer>of())) {
        reductions(to, axes, keep);
      }
    }
    to.add(once(new ReduceOp.Sum(List.of(1), false), real(2, 0, 3)));
    to.add(once(new ReduceOp.Mean(List.of(0), false), real(2, 0)));
    to.add(once(new ReduceOp.Prod(List.of(1), false), real(2, 0)));
    to.add(once(new ReduceOp.LogSumExp(List.of(0), true), real(3, 0)));
    to.add(twice(new ReduceOp.Var(List.of(1), false, 0), real(2, 1)));
    for (ShapeOp op :
        List.of(
            new ShapeOp.Reshape(Shape.of(6, 4)),
            new ShapeOp.Permute(List.of(2, 0, 1)),
            new ShapeOp.Permute(List.of(-1, 1, -3)),
            new ShapeOp.Slice(1, 1, 2, 1),
            new ShapeOp.Slice(2, 1, 2, 1),
            new ShapeOp.Slice(2, 0, 2, 2),
            new ShapeOp.Slice(-1, 1, 2, 2),
            new ShapeOp.Slice(2, 3, 4, -1),
            new ShapeOp.Slice(2, 3, 2, -2),
            new ShapeOp.Slice(1, 2, 1, -1),
            new ShapeOp.Slice(0, 1, 0, 1),
            new ShapeOp.Slice(2, 0, 0, -3))) {
      to.add(twice(op, real(2, 3, 4)));
    }
    to.add(twice(new ShapeOp.Slice(0, 1, 3, 3), real(9)));
    to.add(twice(new ShapeOp.Slice(0, 8, 3, -4), real(9)));
    to.add(once(new ShapeOp.Reshape(Shape.of(12)), viewed(View.TRANSPOSED, 3, 4)));
    to.add(twice(new ShapeOp.Expand(Shape.of(5, 2, 3, 4)), real(2, 1, 4)));
    to.add(once(new DataOp.Contiguous(), viewed(View.TRANSPOSED, 3, 4)));
    to.add(once(new DataOp.Cast(ScalarType.F64), real(3, 4)));
    to.add(twice(new DataOp.Concat(1), real(2, 3), real(2, 0), real(2, 2)));
    to.add(once(new DataOp.Concat(-1), viewed(View.SPACED, 2, 3), real(2, 1)));
    indices(to);
  }

  private static void reductions(List<GradientCheck> to, List<Integer> axes, boolean keep) {
    GradientCheck.Real x = real(2, 3, 2);
    to.add(twice(new ReduceOp.Sum(axes, keep), x));
    to.add(twice(new ReduceOp.Mean(axes, keep), x));
    to.add(twice(new ReduceOp.Prod(axes, keep), x));
    to.add(twice(new ReduceOp.LogSumExp(axes, keep), x));
    to.add(once(new ReduceOp.Max(axes, keep), x));
    to.add(once(new ReduceOp.Min(axes, keep), viewed(View.TRANSPOSED, 2, 3, 2)));
    if (!axes.isEmpty()) {
      to.add(twice(new ReduceOp.Var(axes, keep, 0), x));
      to.add(twice(new ReduceOp.Var(axes, keep, 1), viewed(View.SPACED, 2, 3, 2)));
    }
  }

  private static void indices(List<GradientCheck> to) {
    GradientCheck.Fixed rows = integers(new int[] {2, 0, 2, -1}, 2, 2);
    to.add(twice(new DataOp.IndexSelect(0), real(3, 2), rows));
    to.add(twice(new DataOp.IndexSelect(1), real(2, 3, 2), rows));
    to.add(once(new DataOp.IndexSelect(-1), real(2, 3), integers(new int[0], 0)));
    to.add(twice(new ScatterOp.IndexAdd(0), real(3, 2), rows, real(2, 2, 2)));
    to.add(once(new ScatterOp.IndexAdd(1), real(2, 3), rows, viewed(View.TRANSPOSED, 2, 2, 2)));
    GradientCheck.Fixed each = integers(new int[] {1, 1, 0, -1, 2, 2}, 3, 2);
    to.add(twice(new DataOp.Gather(0), real(3, 4), each));
    to.add(twice(new DataOp.Gather(1), real(3, 3), each));
    to.add(twice(new ScatterOp.ScatterAdd(0), real(3, 4), each, real(3, 2)));
    to.add(once(new ScatterOp.ScatterAdd(1), real(4, 3), each, viewed(View.SPACED, 3, 2)));
    GradientCheck.Fixed ids = integers(new int[] {4, 0, 4, 1, 1, 4}, 2, 3);
    to.add(twice(new DataOp.Embedding(ScalarType.F64), real(5, 3), ids));
    to.add(once(new DataOp.Embedding(ScalarType.F64), viewed(View.TRANSPOSED, 5, 3), ids));
  }
}

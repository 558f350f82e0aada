package dev.quern.testkit;

import static dev.quern.testkit.GradientCheck.once;
import static dev.quern.testkit.GradientCheck.real;
import static dev.quern.testkit.GradientCheck.twice;
import static dev.quern.testkit.GradientCheck.viewed;

import dev.quern.core.op.BatchNormOp.BatchNorm;
import dev.quern.core.op.BatchNormOp.GroupNorm;
import dev.quern.core.op.ConvOp.Conv;
import dev.quern.core.op.ConvOp.ConvTranspose;
import dev.quern.core.op.PoolOp.AvgPool;
import dev.quern.core.op.PoolOp.MaxPool;
import dev.quern.core.op.ScanOp;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.op.ShapeOp;
import dev.quern.testkit.GradientCheck.View;
import java.util.List;

/** Scans, windows, convolutions, pooling, and norms over channels. */
final class SpaceGradientChecks {
  private static final List<Integer> ONE = List.of(1);

  private SpaceGradientChecks() {}

  static void add(List<GradientCheck> to) {
    for (boolean reverse : new boolean[] {false, true}) {
      to.add(twice(new ScanOp.CumSum(-1, reverse), real(2, 4)));
      to.add(once(new ScanOp.CumSum(0, reverse), viewed(View.SPACED, 3, 2)));
    }
    to.add(twice(new ShapeOp.Windows(1, 3, 1, 1), real(2, 5, 2)));
    to.add(twice(new ShapeOp.Windows(-1, 2, 3, 2), real(2, 7)));
    to.add(once(new ShapeOp.Windows(0, 1, 2, 1), viewed(View.TRANSPOSED, 5, 2)));
    to.add(twice(new ScatterOp.Fold(1, 5, 1, 1), real(2, 3, 2, 3)));
    to.add(twice(new ScatterOp.Fold(-2, 9, 3, 2), real(2, 2)));
    to.add(once(new ScatterOp.Fold(0, 4, 1, 1), real(0, 2)));
    convolutions(to);
    pools(to);
    BatchNorm batch = new BatchNorm(0.1f);
    to.add(twice(batch, real(3, 2), real(2), real(2)));
    to.add(twice(batch, real(2, 2, 2, 1), real(2), real(2)));
    to.add(once(batch, viewed(View.TRANSPOSED, 2, 2, 3), viewed(View.SPACED, 2), real(2)));
    to.add(twice(new GroupNorm(2, 0.1f), real(2, 4, 2), real(4), real(4)));
    to.add(once(new GroupNorm(1, 0.1f), real(2, 3), real(3), real(3)));
    to.add(once(new GroupNorm(3, 0.1f), viewed(View.TRANSPOSED, 1, 3, 2, 2), real(3), real(3)));
  }

  private static void convolutions(List<GradientCheck> to) {
    Conv plain = new Conv(ONE, List.of(0), ONE, 1, true);
    to.add(twice(plain, real(2, 2, 5), real(3, 2, 3), real(3)));
    to.add(
        once(new Conv(List.of(2), List.of(2), List.of(2), 1, false), real(1, 2, 6), real(2, 2, 3)));
    Conv grouped = new Conv(List.of(1, 2), List.of(1, 0), List.of(1, 1), 2, true);
    to.add(once(grouped, real(1, 4, 3, 4), real(2, 2, 2, 3), real(2)));
    to.add(once(plain, viewed(View.TRANSPOSED, 2, 2, 4), viewed(View.SPACED, 3, 2, 2), real(3)));
    to.add(
        once(
            new Conv(List.of(1, 1, 1), List.of(0, 0, 0), List.of(1, 1, 1), 1, false),
            real(1, 1, 2, 3, 2),
            real(2, 1, 2, 2, 1)));
    ConvTranspose up = new ConvTranspose(List.of(2), ONE, ONE, List.of(2), 1, true);
    to.add(twice(up, real(2, 2, 3), real(2, 3, 2), real(3)));
    ConvTranspose two =
        new ConvTranspose(List.of(1, 2), List.of(0, 1), List.of(0, 1), List.of(1, 1), 2, false);
    to.add(once(two, real(1, 4, 2, 3), real(4, 2, 2, 3)));
  }

  private static void pools(List<GradientCheck> to) {
    for (boolean ceil : new boolean[] {false, true}) {
      to.add(once(new MaxPool(List.of(3), List.of(2), ONE, ONE, ceil), real(2, 2, 6)));
      to.add(
          once(
              new MaxPool(List.of(2, 2), List.of(1, 2), List.of(0, 1), List.of(2, 1), ceil),
              real(1, 2, 4, 5)));
      for (boolean count : new boolean[] {false, true}) {
        to.add(twice(new AvgPool(List.of(3), List.of(2), ONE, ceil, count), real(2, 2, 6)));
        to.add(
            once(
                new AvgPool(List.of(2, 3), List.of(2, 1), List.of(1, 0), ceil, count),
                real(1, 2, 4, 5)));
      }
    }
  }
}

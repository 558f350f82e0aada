package dev.quern.testkit;

import static dev.quern.testkit.GradientCheck.between;
import static dev.quern.testkit.GradientCheck.booleans;
import static dev.quern.testkit.GradientCheck.integers;
import static dev.quern.testkit.GradientCheck.longs;
import static dev.quern.testkit.GradientCheck.once;
import static dev.quern.testkit.GradientCheck.real;
import static dev.quern.testkit.GradientCheck.twice;
import static dev.quern.testkit.GradientCheck.viewed;

import dev.quern.core.op.AttentionGradOp;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.AttentionOp.Rope;
import dev.quern.core.op.DropoutOp;
import dev.quern.core.op.LossOp.CrossEntropy;
import dev.quern.core.op.LossOp.CrossEntropyGrad;
import dev.quern.core.op.LossOp.Reduction;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.Op;
import dev.quern.testkit.GradientCheck.Argument;
import dev.quern.testkit.GradientCheck.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Products, norms, attention and losses. */
final class NetworkGradientChecks {
  private NetworkGradientChecks() {}

  static void add(List<GradientCheck> to) {
    products(to);
    norms(to);
    losses(to);
    rope(to);
    attention(to);
    to.add(twice(new DropoutOp.Dropout(0.4f), real(3, 7), longs(5, 2)));
  }

  private static void products(List<GradientCheck> to) {
    MatMulOp product = new MatMulOp.MatMul();
    to.add(twice(product, real(3, 4), real(4, 2)));
    to.add(twice(product, real(2, 3, 2), real(2, 4)));
    to.add(twice(product, real(3, 2), real(2, 2, 4)));
    to.add(twice(product, real(2, 1, 2, 3), real(3, 3, 2)));
    to.add(once(product, real(1, 2, 2, 3), real(2, 1, 3, 2)));
    to.add(once(product, real(2, 1, 3, 2, 3), real(4, 1, 3, 2)));
    to.add(once(product, real(3, 1), real(1, 2)));
    to.add(once(product, real(3, 0), real(0, 2)));
    to.add(once(product, real(0, 3), real(3, 2)));
    to.add(once(product, viewed(View.TRANSPOSED, 2, 3, 2), viewed(View.SPACED, 2, 4)));
    to.add(twice(new MatMulOp.Linear(false), real(2, 3, 4), real(5, 4)));
    to.add(twice(new MatMulOp.Linear(true), real(3, 4), real(2, 4), real(2)));
    to.add(once(new MatMulOp.Linear(true), real(4), real(2, 4), real(2)));
    to.add(once(new MatMulOp.Linear(true), real(2, 0, 4), real(2, 4), real(2)));
    to.add(
        once(
            new MatMulOp.Linear(true),
            viewed(View.TRANSPOSED, 2, 3, 4),
            viewed(View.TRANSPOSED, 2, 4),
            viewed(View.SPACED, 2)));
  }

  private static void norms(List<GradientCheck> to) {
    for (int axis : new int[] {-1, 0, 1}) {
      to.add(twice(new NormOp.Softmax(axis), real(2, 3, 2)));
      to.add(twice(new NormOp.LogSoftmax(axis), real(2, 3, 2)));
    }
    to.add(once(new NormOp.Softmax(0), real(1, 3)));
    to.add(once(new NormOp.Softmax(-1), real(3, 0)));
    to.add(once(new NormOp.LogSoftmax(-1), viewed(View.TRANSPOSED, 2, 3)));
    NormOp rms = new NormOp.RmsNorm(0.1f);
    NormOp layer = new NormOp.LayerNorm(0.1f);
    to.add(twice(rms, real(2, 2, 3), real(3)));
    to.add(twice(layer, real(2, 2, 3), real(3), real(3)));
    to.add(once(rms, viewed(View.TRANSPOSED, 2, 3), viewed(View.SPACED, 3)));
    to.add(once(layer, viewed(View.SPACED, 2, 3), viewed(View.SPACED, 3), viewed(View.SPACED, 3)));
    to.add(once(rms, real(3), real(3)));
    to.add(once(layer, real(0, 3), real(3), real(3)));
    to.add(once(layer, real(2, 1), real(1), real(1)));
    // their statistics are computed again from x, so these may hold any numbers
    Argument r = new GradientCheck.Fixed(e -> e.tensor(new double[] {1, 2}, 2, 1));
    for (boolean affine : new boolean[] {false, true}) {
      to.add(
          derivative(new NormGradOp.RmsNormGrad(0.1f, affine), real(2, 3), real(2, 3), real(3), r));
      to.add(
          derivative(
              new NormGradOp.LayerNormGrad(0.1f, affine), real(2, 3), real(2, 3), real(3), r, r));
    }
  }

  /**
   * Second derivatives of a gradient, whose decomposition is differentiated; the kernel, which
   * takes statistics as they are given, is not what differences can be taken of.
   */
  private static GradientCheck derivative(Op op, Argument... arguments) {
    return once(new Decomposed(op), arguments);
  }

  private static void losses(List<GradientCheck> to) {
    Argument targets = integers(new int[] {2, 0, 3, 1, 2, 3}, 2, 3); // 3 is ignored
    for (Reduction reduction : Reduction.values()) {
      for (double smoothing : new double[] {0, 0.3}) {
        for (boolean weighted : new boolean[] {false, true}) {
          List<Argument> in = new ArrayList<>(List.of(real(2, 3, 4), targets));
          if (weighted) {
            in.add(new GradientCheck.Fixed(e -> e.tensor(new double[] {1, 0.5, 2, 3}, 4)));
          }
          Argument[] loss = in.toArray(Argument[]::new);
          to.add(twice(new CrossEntropy(3, smoothing, reduction, weighted), loss));
          in.add(reduction == Reduction.NONE ? real(2, 3) : real());
          in.add(new GradientCheck.Fixed(e -> e.tensor(new double[6], 2, 3)));
          Argument[] gradient = in.toArray(Argument[]::new);
          Op grad = new CrossEntropyGrad(3, smoothing, reduction, weighted);
          to.add(derivative(grad, gradient));
        }
      }
    }
    CrossEntropy mean = new CrossEntropy(-100, 0, Reduction.MEAN, false);
    to.add(once(mean, viewed(View.TRANSPOSED, 3, 2), integers(new int[] {0, 1, 1}, 3)));
    to.add(once(mean, real(4), new GradientCheck.Fixed(e -> e.tensor(new int[] {2}).sum())));
  }

  private static void rope(List<GradientCheck> to) {
    Argument positions = integers(new int[] {0, 5, -3, 7}, 2, 2);
    for (boolean interleaved : new boolean[] {false, true}) {
      to.add(twice(new Rope(interleaved), real(2, 2, 2, 5), positions, between(0.1, 1, 2)));
    }
  }

  private static void attention(List<GradientCheck> to) {
    Argument[] qkv = {real(2, 3, 4, 2), real(2, 5, 2, 2), real(2, 5, 2, 3)};
    for (boolean causal : new boolean[] {false, true}) {
      to.add(once(options(causal, 0, 0, false), qkv));
      to.add(once(options(causal, 0, 2, false), qkv));
      to.add(once(options(causal, 1.5f, 0, false), qkv));
      to.add(once(options(causal, 0, 0, true), with(qkv, real(4, 3, 5))));
      boolean[] some = new boolean[30];
      for (int i = 0; i < some.length; i++) {
        some[i] = i % 3 != 0 && i / 5 != 2; // one query sees nothing
      }
      to.add(once(options(causal, 0, 0, true), with(qkv, booleans(some, 2, 1, 3, 5))));
      Argument[] longer = {real(2, 3, 4, 2), real(2, 6, 2, 2), real(2, 6, 2, 3)};
      Argument starts = integers(new int[] {0, 2}, 2); // sequence 0 begins, sequence 1 goes on
      Argument lengths = integers(new int[] {3, 5}, 2); // some keys are seen by no query
      for (int window : new int[] {0, 2}) {
        to.add(once(placed(causal, window, true, false), with(longer, starts)));
        to.add(once(placed(causal, window, false, true), with(longer, lengths)));
        to.add(once(placed(causal, window, true, true), with(longer, starts, lengths)));
      }
    }
    Argument[] pools = {real(2, 3, 4, 2), real(4, 2, 2, 2), real(4, 2, 2, 3)};
    Argument pages = integers(new int[] {3, 1, 0, 3, 0, 1}, 2, 3); // shared, and one is nobody's
    Argument starts = integers(new int[] {0, 2}, 2);
    to.add(once(placed(true, 0, true, false).withPages(true), with(pools, starts, pages)));
    to.add(
        twice(options(true, 1.5f, 0, false), real(1, 2, 2, 2), real(1, 2, 1, 2), real(1, 2, 1, 2)));
    to.add(
        once(
            options(true, 0, 0, false),
            viewed(View.TRANSPOSED, 1, 3, 2, 2),
            viewed(View.SPACED, 1, 3, 2, 2),
            viewed(View.TRANSPOSED, 1, 3, 2, 2)));
    Argument y = new GradientCheck.Fixed(e -> e.tensor(new double[8], 1, 2, 2, 2));
    Argument lse = new GradientCheck.Fixed(e -> e.tensor(new double[4], 1, 2, 2));
    to.add(
        derivative(
            new AttentionGradOp.AttentionGrad(options(true, 1.5f, 0, false)),
            real(1, 2, 2, 2),
            real(1, 2, 1, 2),
            real(1, 2, 1, 2),
            real(1, 2, 2, 2),
            y,
            lse));
  }

  private static Argument[] with(Argument[] first, Argument... more) {
    List<Argument> all = new ArrayList<>(Arrays.asList(first));
    all.addAll(Arrays.asList(more));
    return all.toArray(Argument[]::new);
  }

  private static Attention options(boolean causal, float softCap, int window, boolean mask) {
    return new Attention(causal, 0.5f, softCap, window, mask, false, false);
  }

  private static Attention placed(boolean causal, int window, boolean starts, boolean lengths) {
    return new Attention(causal, 0.5f, 0, window, false, starts, lengths);
  }
}

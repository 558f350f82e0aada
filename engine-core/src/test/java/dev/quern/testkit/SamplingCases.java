package dev.quern.testkit;

import dev.quern.core.op.SamplingOp.Sample;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.testkit.Samples.Mix;
import java.util.List;
import java.util.Random;

/**
 * Choices of tokens. Every sum has to fall on the same side of every border, whatever its order: so
 * either borders are far from what is drawn, or weights are powers of two, whose sums are exact.
 */
final class SamplingCases {
  private static final LayoutKind PLAIN = LayoutKind.CONTIGUOUS;

  private static final List<Sample> CHAINS =
      List.of(
          new Sample(0, 0, 1, 0),
          new Sample(1, 0, 1, 0),
          new Sample(0.8, 0, 1, 0),
          new Sample(0.7, 1, 1, 0),
          new Sample(1.5, 5, 1, 0),
          new Sample(0.8, 40, 0.9, 0.01),
          new Sample(1, Integer.MAX_VALUE, 1, 0),
          new Sample(1, 0, 0.6, 0),
          new Sample(2, 0, 0.99, 0),
          new Sample(0.9, 0, 1, 0.2),
          new Sample(1, 300, 0.95, 0.001),
          new Sample(1, 0, 1, 1));

  private static final long[] SIZES = {1, 2, 3, 17, 255, 257, 1023, 1025, 4097};
  private static final long[] FEW_SIZES = {1, 17, 1025};

  private SamplingCases() {}

  static void add(List<KernelCase> to) {
    for (ScalarType t : List.of(ScalarType.F32, ScalarType.F64)) {
      for (Sample op : CHAINS) {
        Samples s = new Samples(op.hashCode() + t.ordinal());
        for (long v : t == ScalarType.F32 ? SIZES : FEW_SIZES) {
          to.add(KernelCase.of(op, s.of(t, PLAIN, Mix.PLAIN, 2.0, 3, v), draws(v, 3)));
        }
        to.add(KernelCase.of(op, s.of(t, PLAIN, Mix.HUGE, 3, 700), draws(7, 3)));
        to.add(KernelCase.of(op, s.of(t, PLAIN, Mix.PLAIN, 0, 5), draws(0, 0)));
      }
      layouts(to, t);
      ties(to, t);
      infinities(to, t);
      extremes(to, t);
    }
    vocabularies(to);
  }

  private static void layouts(List<KernelCase> to, ScalarType t) {
    for (Sample op : List.of(CHAINS.get(0), CHAINS.get(2), CHAINS.get(5))) {
      Samples s = new Samples(op.hashCode() + t.ordinal());
      for (LayoutKind kind : LayoutKind.values()) {
        to.add(KernelCase.of(op, s.of(t, kind, Mix.EDGES, 4, 33), draws(kind.ordinal(), 4)));
        Operand u = s.given(ScalarType.F64, kind, Shape.of(3, 1), 0.2, 0.6, 0.95);
        to.add(KernelCase.of(op, s.of(t, kind, Mix.PLAIN, 3, 70), u));
      }
    }
  }

  /** A draw for each of b rows. */
  private static Operand draws(long seed, int b) {
    Random random = new Random(seed);
    double[] u = new double[Math.max(1, b)];
    for (int i = 0; i < u.length; i++) {
      u[i] = random.nextDouble();
    }
    return draws(b, u);
  }

  private static Operand draws(int b, double... u) {
    return new Samples(0).given(ScalarType.F64, PLAIN, Shape.of(b, 1), u);
  }

  /** Weights of 1 and nothing else: borders are met exactly. */
  private static void ties(List<KernelCase> to, ScalarType t) {
    double[] edges = {0, 0.25, 0.5, 0.75, 1 - 0x1p-53, 0x1p-60, 0.125, 0.25 - 0x1p-54};
    for (Sample op :
        List.of(
            new Sample(0, 0, 1, 0),
            new Sample(1, 0, 1, 0),
            new Sample(1, 0, 0.5, 0),
            new Sample(1, 0, 0.25, 0),
            new Sample(1, 64, 1, 0),
            new Sample(1, 1024, 0.5, 0),
            new Sample(1, 0, 1, 0.5),
            new Sample(1, 512, 0.75, 1))) {
      for (long v : t == ScalarType.F32 ? new long[] {4, 64, 2048} : new long[] {64}) {
        Operand same = new Samples(0).given(t, PLAIN, Shape.of(8, v), 3.5);
        to.add(KernelCase.of(op, same, draws(8, edges)));
        double[] zeros = {0.0, -0.0, -800, -0.0, -900, 0.0, Double.NaN, -1000};
        Operand holes = new Samples(0).given(t, PLAIN, Shape.of(4, v), zeros);
        to.add(KernelCase.of(op, holes, draws(4, edges)));
      }
      // as 16-bit logits are: many of each, and more of one than are compared at once
      Samples s = new Samples(op.hashCode());
      to.add(KernelCase.of(op, s.integers(t, PLAIN, Shape.of(3, 5000), -2, 3), draws(3, 3)));
    }
  }

  private static void infinities(List<KernelCase> to, ScalarType t) {
    double inf = Double.POSITIVE_INFINITY;
    double[][] rows = {
      {-inf}, {Double.NaN}, {inf}, {-inf, inf, 3, Double.NaN, inf}, {-inf, Double.NaN, -inf, 2, 1}
    };
    for (Sample op : CHAINS) {
      for (double[] row : rows) {
        Operand x = new Samples(0).given(t, PLAIN, Shape.of(2, 40), row);
        to.add(KernelCase.of(op, x, draws(2, 0.26, 0.98)));
      }
    }
  }

  /** Temperatures at which quotients are equal, and at which only one is left. */
  private static void extremes(List<KernelCase> to, ScalarType t) {
    Samples s = new Samples(t.ordinal());
    double[] near = {1.9f, Math.nextUp(1.9f), Math.nextUp(Math.nextUp(1.9f)), 1.9f, -3, 1e-30, 0};
    for (double temperature : new double[] {1e-300, 1e-20, 0.8, 1e20, 1e300}) {
      for (Sample op :
          List.of(
              new Sample(temperature, 0, 1, 0),
              new Sample(temperature, 1, 1, 0),
              new Sample(temperature, 3, 0.7, 0),
              new Sample(temperature, 0, 0.3, 0.4))) {
        to.add(KernelCase.of(op, s.of(t, PLAIN, Mix.PLAIN, 3, 90), draws(3, 0.1, 0.52, 0.93)));
        Operand x = new Samples(0).given(t, PLAIN, Shape.of(3, 7), near);
        to.add(KernelCase.of(op, x, draws(3, 0.1, 0.52, 0.93)));
      }
    }
  }

  /** As large as models have them, at the width that their logits have. */
  private static void vocabularies(List<KernelCase> to) {
    for (Sample op :
        List.of(
            new Sample(0, 0, 1, 0),
            new Sample(0.8, 0, 1, 0),
            new Sample(0.7, 50, 0.9, 0),
            new Sample(1, 0, 0.95, 0),
            new Sample(3, 0, 0.9, 0.001))) {
      Samples s = new Samples(op.hashCode());
      Operand x = s.of(ScalarType.F32, PLAIN, Mix.PLAIN, 2.0, 1, 128_256);
      to.add(KernelCase.of(op, x, draws(3, 1)));
    }
    Operand flat = new Samples(0).given(ScalarType.F32, PLAIN, Shape.of(1, 131_072), 0.5);
    to.add(KernelCase.of(new Sample(1, 0, 0.5, 0), flat, draws(1, 0.75)));
  }
}

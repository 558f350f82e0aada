package dev.quern.testkit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Gradients against central differences in F64, of L = Σ op(x...) · w for a fixed random w; second
 * derivatives as gradients of Σ ∇L · v for a fixed random v. Computed twice, they have the same
 * bits. A backend extends this class and supplies an engine.
 */
public abstract class GradientConformance {
  private static final double STEP = 1e-5;
  private static final double LIMIT = 1e-7;

  private final Engine engine;

  /**
   * The checks through an engine.
   *
   * @param engine what computes values and gradients, on whatever device
   */
  protected GradientConformance(Engine engine) {
    this.engine = engine;
  }

  /** What is differenced: L, or Σ ∇L · v. */
  @FunctionalInterface
  private interface Value {
    double of(List<double[]> values);
  }

  /**
   * The operations that are checked here.
   *
   * @return simple names of their records
   */
  public static Set<String> checked() {
    Set<String> names = new TreeSet<>();
    for (GradientCheck c : GradientCheck.all()) {
      Op op = c.op() instanceof Decomposed d ? d.op() : c.op();
      names.add(op.getClass().getSimpleName());
    }
    return names;
  }

  /**
   * One test per check.
   *
   * @return the tests
   */
  @TestFactory
  final Stream<DynamicTest> agreeWithDifferences() {
    return GradientCheck.all().stream().map(c -> DynamicTest.dynamicTest("" + c, () -> run(c)));
  }

  private void run(GradientCheck c) {
    SplittableRandom random = new SplittableRandom(5);
    List<double[]> values = new ArrayList<>();
    List<double[]> directions = new ArrayList<>();
    c.reals().forEach(r -> values.add(r.values(random)));
    c.reals().forEach(r -> directions.add(random.doubles(r.shape().elements(), -1, 1).toArray()));
    double[] weight = random.doubles(10_000, -1, 1).toArray();
    try (TensorScope _ = TensorScope.open();
        Tape tape = engine.tape()) {
      List<Tensor> in = c.inputs(engine, values);
      Tensor[] x = c.watched(in);
      tape.watch(x);
      Tensor loss = loss(c, in, weight);
      List<Tensor> gradients = tape.gradients(loss, x);
      same(c, gradients, gradients(c, values, weight));
      compare(c, "first", values, gradients, at -> loss(c, c.inputs(engine, at), weight).item());
      if (c.twice()) {
        Tensor slope = along(gradients, directions);
        compare(
            c, "second", values, tape.gradients(slope, x), at -> slope(c, at, weight, directions));
      }
    }
  }

  private List<double[]> gradients(GradientCheck c, List<double[]> values, double[] weight) {
    try (TensorScope _ = TensorScope.open();
        Tape tape = engine.tape()) {
      List<Tensor> in = c.inputs(engine, values);
      Tensor[] x = c.watched(in);
      tape.watch(x);
      return tape.gradients(loss(c, in, weight), x).stream().map(Tensor::toDoubles).toList();
    }
  }

  private static void same(GradientCheck c, List<Tensor> once, List<double[]> again) {
    for (int i = 0; i < again.size(); i++) {
      assertArrayEquals(once.get(i).toDoubles(), again.get(i), c + ", computed again, input " + i);
    }
  }

  private void compare(
      GradientCheck c, String order, List<double[]> values, List<Tensor> actual, Value value) {
    for (int i = 0; i < values.size(); i++) {
      assertEquals(c.reals().get(i).shape(), actual.get(i).shape());
      double[] a = actual.get(i).toDoubles();
      double[] x = values.get(i);
      for (int e = 0; e < x.length; e++) {
        double at = x[e];
        x[e] = at + STEP;
        double above = value.of(values);
        x[e] = at - STEP;
        double below = value.of(values);
        x[e] = at;
        double expected = (above - below) / (2 * STEP);
        assertEquals(
            expected,
            a[e],
            LIMIT * Math.max(1, Math.abs(expected)),
            c + ", " + order + " derivative, input " + i + " [" + e + "]");
      }
    }
  }

  /** Σ ∇L · v at some values. */
  private double slope(
      GradientCheck c, List<double[]> values, double[] weight, List<double[]> directions) {
    try (TensorScope _ = TensorScope.open();
        Tape tape = engine.tape()) {
      List<Tensor> in = c.inputs(engine, values);
      Tensor[] x = c.watched(in);
      tape.watch(x);
      return along(tape.gradients(loss(c, in, weight), x), directions).item();
    }
  }

  private Tensor along(List<Tensor> gradients, List<double[]> directions) {
    Tensor sum = engine.tensor(new double[] {0}).sum();
    for (int i = 0; i < gradients.size(); i++) {
      Tensor g = gradients.get(i);
      sum = sum.add(g.mul(engine.tensor(directions.get(i), g.shape().dims())).sum());
    }
    return sum;
  }

  private Tensor loss(GradientCheck c, List<Tensor> in, double[] weight) {
    Tensor sum = null;
    int at = 0;
    for (Tensor y : Decomposed.run(c.op(), in)) {
      int n = Math.toIntExact(y.shape().elements());
      double[] w = new double[n];
      System.arraycopy(weight, at, w, 0, n);
      at += n;
      Tensor part = y.mul(engine.tensor(w, y.shape().dims())).sum();
      sum = sum == null ? part : sum.add(part);
    }
    return sum;
  }
}

package dev.quern.core.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Gradients against central differences, in F64, of Σ op(x...) · w for a fixed random w. */
class GradientTest {
  private static final double STEP = 1e-5;
  private static final double LIMIT = 1e-7;

  /**
   * An operation and where to differentiate it.
   *
   * @param op the operation
   * @param shapes of the F64 inputs
   * @param integers I32 inputs of one axis after them
   */
  private record Check(Op op, List<Shape> shapes, List<int[]> integers) {}

  private final Engine engine = Engine.builder().kernels().threads(1).build();

  private static Check check(Op op, Shape... shapes) {
    return new Check(op, List.of(shapes), List.of());
  }

  private static List<Check> checks() {
    Shape s = Shape.of(2, 3, 4);
    List<Check> all =
        new ArrayList<>(
            List.of(
                check(new BinaryOp.Add(), s, Shape.of(3, 1)),
                check(new BinaryOp.Sub(), Shape.of(4), s),
                check(new BinaryOp.Mul(), s, Shape.of(3, 1)),
                check(new MatMulOp.MatMul(), Shape.of(3, 4), Shape.of(4, 5)),
                check(new MatMulOp.MatMul(), Shape.of(2, 3, 4), Shape.of(4, 5)),
                check(new MatMulOp.MatMul(), Shape.of(3, 4), Shape.of(2, 4, 5)),
                check(new NormOp.Softmax(-1), s),
                check(new NormOp.Softmax(0), s),
                check(new NormOp.RmsNorm(0.1f), s, Shape.of(4)),
                check(new ReduceOp.Sum(List.of(0, 2), false), s),
                check(new ReduceOp.Sum(List.of(-1), true), s),
                check(new DataOp.Contiguous(), s),
                check(new DataOp.Cast(ScalarType.F64), s),
                check(new ShapeOp.Reshape(Shape.of(6, 4)), s),
                check(new ShapeOp.Permute(List.of(2, 0, 1)), s),
                check(new ShapeOp.Slice(1, 1, 2, 1), s),
                check(new ShapeOp.Slice(2, 1, 2, 1), s),
                check(new ShapeOp.Expand(Shape.of(5, 2, 3, 4)), Shape.of(2, 1, 4))));
    for (boolean causal : new boolean[] {false, true}) {
      Shape q = Shape.of(2, 3, 4, 2);
      Shape k = Shape.of(2, 5, 2, 2);
      Shape v = Shape.of(2, 5, 2, 3);
      all.add(check(attention(causal, 0, false), q, k, v));
      all.add(check(attention(causal, 2, false), q, k, v));
      all.add(check(attention(causal, 0, true), q, k, v, Shape.of(4, 3, 5)));
      int[] starts = {0, 2}; // sequence 0 begins, sequence 1 goes on
      int[] lengths = {3, 5};
      for (int window : new int[] {0, 2}) {
        all.add(placed(new Attention(causal, 0.5f, 0, window, false, true, false), starts));
        all.add(placed(new Attention(causal, 0.5f, 0, window, false, false, true), lengths));
        all.add(placed(new Attention(causal, 0.5f, 0, window, false, true, true), starts, lengths));
      }
    }
    return all;
  }

  /** Attention with starts or lengths, over keys of which some are seen by no query. */
  private static Check placed(Attention op, int[]... integers) {
    List<Shape> shapes = List.of(Shape.of(2, 3, 4, 2), Shape.of(2, 6, 2, 2), Shape.of(2, 6, 2, 3));
    return new Check(op, shapes, List.of(integers));
  }

  private static Attention attention(boolean causal, int window, boolean mask) {
    return new Attention(causal, 0.5f, 0, window, mask, false, false);
  }

  /** The operations that are checked here. */
  static Set<String> checked() {
    Set<String> names = new TreeSet<>();
    checks().forEach(c -> names.add(c.op().getClass().getSimpleName()));
    return names;
  }

  @TestFactory
  Stream<DynamicTest> agreeWithDifferences() {
    return checks().stream()
        .map(c -> DynamicTest.dynamicTest(c.op() + " " + c.shapes(), () -> run(c)));
  }

  private void run(Check c) {
    SplittableRandom random = new SplittableRandom(5);
    List<double[]> values = new ArrayList<>();
    for (Shape s : c.shapes()) {
      values.add(random.doubles(s.elements(), -1, 1).toArray());
    }
    double[] weight = random.doubles(10_000, -1, 1).toArray();
    try (TensorScope _ = TensorScope.open();
        Tape tape = engine.tape()) {
      Tensor[] x = tensors(c, values);
      boolean mask = c.op() instanceof Attention a && a.hasMask();
      Tensor[] watched = Arrays.copyOf(x, mask ? 3 : c.shapes().size());
      tape.watch(watched);
      List<Tensor> gradients = tape.gradients(loss(c, x, weight), watched);
      for (int i = 0; i < watched.length; i++) {
        assertEquals(x[i].shape(), gradients.get(i).shape());
        double[] actual = gradients.get(i).toDoubles();
        double[] expected = differences(c, values, i, weight);
        for (int e = 0; e < expected.length; e++) {
          assertEquals(expected[e], actual[e], LIMIT, c.op() + " input " + i + " [" + e + "]");
        }
      }
    }
  }

  private double[] differences(Check c, List<double[]> values, int input, double[] weight) {
    double[] x = values.get(input);
    double[] d = new double[x.length];
    for (int e = 0; e < x.length; e++) {
      double at = x[e];
      x[e] = at + STEP;
      double above = loss(c, tensors(c, values), weight).item();
      x[e] = at - STEP;
      double below = loss(c, tensors(c, values), weight).item();
      x[e] = at;
      d[e] = (above - below) / (2 * STEP);
    }
    return d;
  }

  private Tensor[] tensors(Check c, List<double[]> values) {
    Tensor[] x = new Tensor[values.size() + c.integers().size()];
    for (int i = 0; i < values.size(); i++) {
      x[i] = engine.tensor(values.get(i), c.shapes().get(i).dims());
    }
    for (int i = 0; i < c.integers().size(); i++) {
      int[] integers = c.integers().get(i);
      x[values.size() + i] = engine.tensor(integers, integers.length);
    }
    return x;
  }

  private Tensor loss(Check c, Tensor[] x, double[] weight) {
    Tensor y = engine.apply(c.op(), List.of(x)).getFirst();
    int n = Math.toIntExact(y.shape().elements());
    return y.mul(engine.tensor(Arrays.copyOf(weight, n), y.shape().dims())).sum();
  }
}

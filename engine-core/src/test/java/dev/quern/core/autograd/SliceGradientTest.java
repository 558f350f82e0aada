package dev.quern.core.autograd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** Gradients of slices are put side by side, whatever parts of a tensor they are. */
class SliceGradientTest {
  private final Engine engine = Engine.builder().kernels().threads(1).build();

  private float[] gradient(Tensor x, UnaryOperator<Tensor> code) {
    try (Tape tape = engine.tape()) {
      tape.watch(x);
      return tape.backward(code.apply(x)).of(x).toFloats();
    }
  }

  private Tensor line() {
    return engine.tensor(new float[] {1, 2, 3, 4, 5, 6}, 6);
  }

  @Test
  void partsInAnyOrderWithGaps() {
    assertArrayEquals(
        new float[] {3, 3, 0, 0, 2, 0},
        gradient(line(), x -> x.slice(0, 4, 1).mul(2).sum().add(x.slice(0, 0, 2).mul(3).sum())));
    assertArrayEquals(
        new float[] {0, 1, 1, 0, 0, 0}, gradient(line(), x -> x.slice(0, 1, 2).sum()));
  }

  @Test
  void partsThatOverlapAndTheWholeAreAdded() {
    assertArrayEquals(
        new float[] {1, 1, 3, 3, 2, 2},
        gradient(line(), x -> x.slice(0, 0, 4).sum().add(x.slice(0, 2, 4).mul(2).sum())));
    assertArrayEquals(
        new float[] {2, 2, 1, 1, 1, 1}, gradient(line(), x -> x.sum().add(x.slice(0, 0, 2).sum())));
  }

  @Test
  void partsOfSeveralAxesAndSteps() {
    Tensor square = engine.tensor(new float[] {1, 2, 3, 4}, 2, 2);
    assertArrayEquals(
        new float[] {5, 0, 6, 1},
        gradient(square, x -> x.slice(1, 0, 1).mul(5).sum().add(x.slice(-2, 1, 1).sum())));
    assertArrayEquals(
        new float[] {1, 0, 1, 4, 1, 4},
        gradient(line(), x -> x.slice(0, 0, 3, 2).sum().add(x.slice(0, 5, 2, -2).mul(4).sum())));
    assertArrayEquals(
        new float[] {0, 0, 0, 0, 0, 0}, gradient(line(), x -> x.slice(0, 3, 0).sum()));
  }

  @Test
  void gradientsOfGradients() {
    Tensor x = line();
    try (Tape tape = engine.tape()) {
      tape.watch(x);
      List<Tensor> parts = x.split(0, 2, 4);
      Tensor y = parts.get(0).pow(3).sum().add(parts.get(1).mul(parts.get(1)).sum());
      Tensor g = tape.gradients(y, x).getFirst();
      assertArrayEquals(
          new float[] {6, 12, 2, 2, 2, 2}, tape.backward(g.sum()).of(x).toFloats(), 1e-5f);
    }
  }

  @Test
  void whatWasSplitIsConcatenatedOnce() {
    try (Plan plan =
        engine.record(
            "p",
            r -> {
              Tensor x = r.slot("x", TensorSpec.of(ScalarType.F32, 6));
              try (Tape tape = engine.tape()) {
                tape.watch(x);
                List<Tensor> p = x.split(0, 1, 2, 3);
                Tensor y = p.get(0).exp().sum().add(p.get(1).exp().sum()).add(p.get(2).exp().sum());
                r.output("g", tape.backward(y).of(x));
              }
            })) {
      List<String> calls = plan.explain().lines().skip(1).toList();
      assertEquals(1, calls.stream().filter(l -> l.startsWith("concat ")).count());
      assertEquals(0, calls.stream().filter(l -> l.startsWith("contiguous ")).count());
    }
  }
}

package dev.quern.core.autograd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Backward;
import dev.quern.core.op.CustomOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.GradientException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Operations of users, with gradients of their own. */
class CustomGradientTest {
  private final Engine engine = Engine.builder().kernels().threads(1).build();
  private final Tensor x = engine.tensor(new double[] {0.4, -1.7, 2.5}, 3);

  /** Rounding to integers, with a gradient as if it did nothing. */
  private record Round(@Nullable TensorSpec gradientSpec) implements CustomOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> inputs) {
      return inputs;
    }

    @Override
    public void compute(List<TensorView> inputs, List<TensorView> outputs) {
      for (long i = 0; i < inputs.getFirst().shape().elements(); i++) {
        double v = inputs.getFirst().segment().getAtIndex(ValueLayout.JAVA_DOUBLE, i);
        outputs.getFirst().segment().setAtIndex(ValueLayout.JAVA_DOUBLE, i, Math.rint(v));
      }
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward pass) {
      return gradientSpec == null
          ? List.of(pass.gradient())
          : List.of(pass.gradient().cast(gradientSpec.dtype()));
    }
  }

  /** x³, which says what it is made of. */
  private record Cube() implements CustomOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> inputs) {
      return inputs;
    }

    @Override
    public void compute(List<TensorView> inputs, List<TensorView> outputs) {
      for (long i = 0; i < inputs.getFirst().shape().elements(); i++) {
        double v = inputs.getFirst().segment().getAtIndex(ValueLayout.JAVA_DOUBLE, i);
        outputs.getFirst().segment().setAtIndex(ValueLayout.JAVA_DOUBLE, i, v * v * v);
      }
    }

    @Override
    public List<Tensor> decompose(List<Tensor> inputs) {
      Tensor x = inputs.getFirst();
      return List.of(x.mul(x).mul(x));
    }
  }

  private Tensor round(@Nullable TensorSpec spec) {
    return engine.apply(new Round(spec), List.of(x)).getFirst();
  }

  @Test
  void aStraightThroughGradient() {
    try (Tape tape = engine.tape()) {
      tape.watch(x);
      Tensor y = round(null);
      assertArrayEquals(new double[] {0, -2, 2}, y.toDoubles());
      assertArrayEquals(new double[] {0, -4, 4}, tape.backward(y.mul(y).sum()).of(x).toDoubles());
    }
  }

  @Test
  void aGradientFromTheParts() {
    try (Tape tape = engine.tape()) {
      tape.watch(x);
      Tensor y = engine.apply(new Cube(), List.of(x)).getFirst().sum();
      Tensor first = tape.gradients(y, x).getFirst();
      assertArrayEquals(new double[] {0.48, 8.67, 18.75}, first.toDoubles(), 1e-12);
      assertArrayEquals(
          new double[] {2.4, -10.2, 15},
          tape.gradients(first.sum(), x).getFirst().toDoubles(),
          1e-12);
    }
  }

  @Test
  void aGradientOfTheWrongTypeIsRefused() {
    try (Tape tape = engine.tape()) {
      tape.watch(x);
      Tensor loss = round(TensorSpec.of(ScalarType.F32, 3)).sum();
      String message =
          assertThrows(GradientException.class, () -> tape.backward(loss)).getMessage();
      assertTrue(message.contains("[round] vjp gave [3] F32"), message);
    }
  }
}

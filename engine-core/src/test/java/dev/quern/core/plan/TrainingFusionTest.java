package dev.quern.core.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.autograd.Tape;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Which calls a plan of a training step fuses. */
class TrainingFusionTest extends FusingEngine {
  @Test
  void aReshapeBetweenPartsKeepsGradientsApart() {
    try (Buffer weight = engine.buffer("w", TensorSpec.of(ScalarType.F32, 8, 8))) {
      Function<Function<Tensor, Tensor>, List<String>> gradient =
          code ->
              calls(
                  x -> {
                    try (Tape tape = engine.tape()) {
                      tape.watch(weight);
                      Tensor h = x.reshape(1, 3, 8).linear(weight.value());
                      return List.of(tape.backward(code.apply(h).sum()).of(weight));
                    }
                  });
      List<String> sum =
          gradient.apply(h -> h.reshape(3, 8).linear(square).mul(h.reshape(3, 8).linear(other)));
      assertTrue(sum.contains("add") && !sum.contains("matMulSum"), sum::toString);
      List<String> activation =
          gradient.apply(
              h -> {
                Tensor y = h.gelu().reshape(3, 8).linear(square);
                return y.mul(y);
              });
      assertTrue(
          activation.contains("geluGrad") && !activation.contains("matMulMul"),
          activation::toString);
      List<String> norm =
          gradient.apply(
              h -> {
                Tensor y = h.add(h.reshape(3, 8).layerNorm(bias, bias, 1e-5f).reshape(1, 3, 8));
                return y.mul(y);
              });
      assertTrue(norm.contains("layerNormGrad") && !norm.contains("normGradAdd"), norm::toString);
    }
  }

  @Test
  void aTapeKeepsNoPartsApart() {
    try (Buffer weight = engine.buffer("w", TensorSpec.of(ScalarType.F32, 8, 8))) {
      List<String> calls =
          calls(
              x -> {
                try (Tape tape = engine.tape()) {
                  tape.watch(weight);
                  Tensor y = x.linear(weight.value()).add(x);
                  return List.of(y, tape.backward(y.sum()).of(weight));
                }
              });
      assertEquals(List.of("mul", "linearAdd", "sum", "matmul"), calls);
    }
  }

  @Test
  void sumsOfProductsAreOneCall() {
    Function<Tensor, Tensor> two = x -> x.matmul(square).add(x.exp().matmul(other));
    assertEquals(List.of("mul", "exp", "matMulSum"), calls(x -> List.of(two.apply(x))));
    assertEquals(
        List.of("mul", "exp", "matMulSum"), calls(x -> List.of(two.apply(x).add(x.matmul(third)))));
    assertEquals(
        List.of("mul", "exp", "matMulSum", "add"), calls(x -> List.of(x.add(two.apply(x)))));
    List<String> handedOut =
        calls(
            x -> {
              Tensor first = x.matmul(square);
              return List.of(first, first.add(x.matmul(other)));
            });
    assertEquals(List.of("mul", "matmul", "matmul", "add"), handedOut);
    List<String> spread = calls(x -> List.of(x.matmul(square).add(x.slice(0, 0, 1).matmul(other))));
    assertEquals(List.of("mul", "matmul", "matmul", "add"), spread);
    try (Buffer weight = engine.buffer("w", TensorSpec.of(ScalarType.F32, 8, 8))) {
      List<String> written =
          calls(
              x -> {
                Tensor first = x.matmul(weight.value());
                weight.assign(square);
                return List.of(first.add(x.matmul(other)));
              });
      assertEquals(List.of("mul", "matmul", "assign", "matmul", "add"), written);
    }
  }

  @Test
  void theGradientOfANormTakesTheOneThatGoesPastIt() {
    try (Buffer weight = engine.buffer("w", TensorSpec.of(ScalarType.F32, 8, 8))) {
      List<String> calls =
          calls(
              x -> {
                try (Tape tape = engine.tape()) {
                  tape.watch(weight);
                  Tensor h = x.matmul(weight.value());
                  Tensor y = h.add(h.layerNorm(bias, bias, 1e-5f));
                  return List.of(tape.backward(y.mul(y).sum()).of(weight));
                }
              });
      assertTrue(
          calls.contains("normGradAdd") && !calls.contains("layerNormGrad"), calls::toString);
    }
  }

  @Test
  void aLinearMapMakesTheSlopeThatItsGradientNeeds() {
    try (Buffer weight = engine.buffer("w", TensorSpec.of(ScalarType.F32, 8, 8))) {
      Function<Function<Tensor, Tensor>, List<String>> step =
          code ->
              calls(
                  x -> {
                    try (Tape tape = engine.tape()) {
                      tape.watch(weight);
                      Tensor h = x.linear(weight.value());
                      Tensor y = code.apply(h).linear(square);
                      return List.of(tape.backward(y.mul(y).sum()).of(weight));
                    }
                  });
      List<String> fused = step.apply(Tensor::gelu);
      assertTrue(
          fused.contains("linearActivation") && fused.contains("matMulMul"), fused::toString);
      assertEquals(fused, step.apply(Tensor::silu));
      assertEquals(fused, step.apply(Tensor::geluTanh));
      List<String> readAgain = step.apply(h -> h.gelu().add(h));
      assertTrue(readAgain.contains("gelu") && readAgain.contains("geluGrad"), readAgain::toString);
      List<String> another = step.apply(Tensor::tanh);
      assertTrue(another.contains("tanh"), another::toString);
    }
  }

  @Test
  void sumsOfSquaresAreOneCall() {
    assertEquals(List.of("mul", "squareSum"), calls(x -> List.of(x.mul(x).sum())));
    assertEquals(List.of("mul", "mul", "sum"), calls(x -> List.of(x.mul(x).sum(false, 0))));
    List<String> unlike = calls(x -> List.of(x.mul(x.neg()).sum()));
    assertEquals(List.of("mul", "neg", "mul", "sum"), unlike);
  }
}

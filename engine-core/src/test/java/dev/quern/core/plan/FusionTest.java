package dev.quern.core.plan;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.FusedProduct;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Which calls a plan fuses, seen through a provider that has a kernel for every fused operation.
 */
class FusionTest {
  private static final TensorSpec X = TensorSpec.of(ScalarType.F32, 3, 8);

  private final Engine engine = engine(_ -> true);
  private final Tensor square = engine.normal(1, 8, 8);
  private final Tensor other = engine.normal(2, 8, 8);
  private final Tensor third = engine.normal(3, 8, 8);
  private final Tensor bias = engine.normal(4, 8);

  private static Engine engine(Predicate<Op> taken) {
    return Engine.builder().kernels(new Fuser(taken)).build();
  }

  /** The reference kernels under another name, and names for fused operations. */
  private record Fuser(Predicate<Op> taken) implements KernelProvider {
    private static final ReferenceProvider REFERENCE = new ReferenceProvider();

    @Override
    public String name() {
      return "fuser";
    }

    @Override
    public int priority() {
      return 100;
    }

    @Override
    public Probe probe() {
      return REFERENCE.probe();
    }

    @Override
    public @Nullable Kernel find(KernelSignature s) {
      if (!taken.test(s.op())) {
        return null;
      }
      return s.op() instanceof FusedOp ? new Named() : REFERENCE.find(s);
    }
  }

  /** A kernel that is never run, of a call whose operands its operation accepts. */
  private record Named() implements Kernel {
    @Override
    public String name() {
      return "fused";
    }

    @Override
    public Runnable bind(KernelArgs args) {
      assertEquals(specs(args.outputs()), args.op().infer(specs(args.inputs())));
      return () -> {};
    }
  }

  private static List<TensorSpec> specs(List<TensorView> views) {
    return views.stream().map(TensorView::spec).toList();
  }

  /** The operations of a plan, in order; its input is a value of the plan. */
  private static List<String> calls(Engine engine, Function<Tensor, List<Tensor>> code) {
    try (Plan plan =
        engine.record(
            "p",
            r -> {
              List<Tensor> out = code.apply(r.slot("x", X).mul(2));
              for (int i = 0; i < out.size(); i++) {
                r.output("y" + i, out.get(i));
              }
            })) {
      return plan.explain().lines().skip(1).map(l -> l.substring(0, l.indexOf(' '))).toList();
    }
  }

  private List<String> calls(Function<Tensor, List<Tensor>> code) {
    return calls(engine, code);
  }

  private Tensor gated(Tensor x) {
    return x.linear(square).swiGlu(x.linear(other));
  }

  private Tensor feedForward(Tensor x) {
    return gated(x).linear(third);
  }

  @Test
  void aFeedForwardLayerWithItsResidualIsOneCall() {
    assertEquals(List.of("mul", "gatedFeedForward"), calls(x -> List.of(feedForward(x))));
    assertEquals(List.of("mul", "gatedFeedForward"), calls(x -> List.of(x.add(feedForward(x)))));
    assertEquals(List.of("mul", "gatedFeedForward"), calls(x -> List.of(feedForward(x).add(x))));
  }

  @Test
  void aValueThatSomebodyElseReadsStays() {
    List<String> readTwice =
        calls(
            x -> {
              Tensor h = x.linear(square).swiGlu(x.linear(other));
              return List.of(h.linear(third), h.neg());
            });
    assertEquals(List.of("mul", "linears", "swiGlu", "linear", "neg"), readTwice);
    List<String> handedOut =
        calls(
            x -> {
              Tensor y = x.linear(square);
              return List.of(y.add(x), y);
            });
    assertEquals(List.of("mul", "linear", "add"), handedOut);
  }

  @Test
  void aReshapeBetweenPartsKeepsThemApart() {
    assertEquals(
        List.of("mul", "linears", "swiGlu", "linear"),
        calls(x -> List.of(gated(x).reshape(4, 6).linear(engine.normal(5, 8, 6)))));
    assertEquals(
        List.of("mul", "linears", "swiGlu", "linear"),
        calls(
            x -> {
              Tensor gate = x.linear(square).reshape(6, 4);
              Tensor up = x.linear(other).reshape(6, 4);
              return List.of(gate.swiGlu(up).linear(engine.normal(5, 8, 4)));
            }));
    assertEquals(
        List.of("mul", "gatedFeedForward", "add"),
        calls(x -> List.of(feedForward(x).reshape(4, 6).add(x.reshape(4, 6)))));
    assertEquals(
        List.of("mul", "linear", "add"),
        calls(x -> List.of(x.linear(square).reshape(4, 6).add(x.reshape(4, 6)))));
    assertEquals(
        List.of("mul", "matmul", "exp", "matmul", "add"),
        calls(
            x -> {
              Tensor first = x.matmul(square).reshape(4, 6);
              return List.of(first.add(x.exp().matmul(other).reshape(4, 6)));
            }));
    assertEquals(List.of("mul", "mul", "sum"), calls(x -> List.of(x.mul(x).reshape(4, 6).sum())));
  }

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
  void residualsOfAnyShapeButTheProductsStay() {
    assertEquals(List.of("mul", "linearAdd"), calls(x -> List.of(x.add(x.linear(square, bias)))));
    assertEquals(List.of("mul", "linear", "add"), calls(x -> List.of(x.linear(square).add(bias))));
    List<String> part = calls(x -> List.of(x.linear(square).slice(0, 0, 2).add(x.slice(0, 0, 2))));
    assertEquals(List.of("mul", "linear", "add"), part);
  }

  @Test
  void productsOfOneOperandAreOneCall() {
    List<String> three =
        calls(x -> List.of(x.linear(square), x.neg(), x.linear(other), x.linear(third)));
    assertEquals(List.of("mul", "linears", "neg"), three);
    List<String> biased = calls(x -> List.of(x.linear(square, bias), x.linear(other, bias)));
    assertEquals(List.of("mul", "linears"), biased);
    List<String> unlike = calls(x -> List.of(x.linear(square, bias), x.linear(other)));
    assertEquals(List.of("mul", "linear", "linear"), unlike);
  }

  @Test
  void productsOfOneOperandAreGatheredUntilOneIsRead() {
    Function<Integer, Long> workspaceBytes =
        layers -> {
          try (Plan plan =
              engine.record(
                  "p",
                  r -> {
                    Tensor x = r.slot("x", TensorSpec.of(ScalarType.F32, 64, 8)).mul(2);
                    Tensor y = x;
                    for (int i = 0; i < layers; i++) {
                      y = y.exp().mul(x.linear(square)).mul(x.linear(other));
                    }
                    r.output("y", y);
                  })) {
            return plan.workspaceBytes();
          }
        };
    assertEquals(workspaceBytes.apply(2), workspaceBytes.apply(8));
    List<String> read =
        calls(x -> List.of(x.linear(square), x.linear(other).neg(), x.linear(third)));
    assertEquals(List.of("mul", "linears", "neg", "linear"), read);
  }

  @Test
  void aBufferIsMovedUnlessItIsWrittenInBetween() {
    try (Buffer weight = engine.buffer("w", TensorSpec.of(ScalarType.F32, 8, 8))) {
      assertEquals(
          List.of("mul", "linears"),
          calls(x -> List.of(x.linear(other), x.linear(weight.value()), x.linear(third))));
      assertEquals(
          List.of("mul", "linearAdd"), calls(x -> List.of(x.linear(weight.value()).add(x))));
      assertEquals(
          List.of("mul", "linear", "assign", "linear"),
          calls(
              x -> {
                Tensor y = x.linear(other);
                weight.assign(square);
                return List.of(y, x.linear(weight.value()));
              }));
      assertEquals(
          List.of("mul", "linear", "assign", "add"),
          calls(
              x -> {
                Tensor y = x.linear(weight.value());
                weight.assign(square);
                return List.of(y.add(x));
              }));
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

  @Test
  void partsOfAnotherProviderStay() {
    Engine mixed = engine(op -> !(op instanceof BinaryOp.SwiGlu));
    assertEquals(
        List.of("mul", "linears", "swiGlu", "linear"), calls(mixed, x -> List.of(feedForward(x))));
    Engine unable = engine(op -> !(op instanceof FusedOp));
    assertEquals(
        List.of("mul", "linear", "linear"),
        calls(unable, x -> List.of(x.linear(square), x.linear(other))));
  }

  @Test
  void theSpellingInPartsIsWhatWasRecorded() {
    Tensor x = engine.normal(9, 3, 8);
    Op whole = new FusedOp.GatedFeedForward(new BinaryOp.SwiGlu(), true);
    List<Tensor> parts = whole.decompose(List.of(x, square, other, third, x));
    assertArrayEquals(feedForward(x).add(x).toFloats(), parts.getFirst().toFloats());
    Op siblings = new FusedOp.Linears(2, true);
    List<Tensor> both = siblings.decompose(List.of(x, square, other, bias, bias));
    assertArrayEquals(x.linear(square, bias).toFloats(), both.get(0).toFloats());
    assertArrayEquals(x.linear(other, bias).toFloats(), both.get(1).toFloats());
    Op sum = new FusedOp.LinearAdd(true);
    assertArrayEquals(
        x.linear(square, bias).add(x).toFloats(),
        sum.decompose(List.of(x, square, bias, x)).getFirst().toFloats());
    assertArrayEquals(
        x.matmul(square).add(x.matmul(other)).toFloats(),
        new FusedProduct.MatMulSum(2)
            .decompose(List.of(x, square, x, other))
            .getFirst()
            .toFloats());
    assertArrayEquals(
        x.matmul(square).mul(x).toFloats(),
        new FusedProduct.MatMulMul().decompose(List.of(x, square, x)).getFirst().toFloats());
    ActivationGradOp slope = new ActivationGradOp.SiluGrad();
    List<Tensor> activated =
        new FusedProduct.LinearActivation(new UnaryOp.Silu(), slope, true)
            .decompose(List.of(x, square, bias));
    Tensor h = x.linear(square, bias);
    assertArrayEquals(h.silu().toFloats(), activated.get(1).toFloats());
    Tensor ones = h.mul(0).add(1);
    assertArrayEquals(
        engine.apply(slope, List.of(ones, h)).getFirst().toFloats(), activated.get(0).toFloats());
    assertArrayEquals(
        x.mul(x).sum().toFloats(),
        new FusedOp.SquareSum().decompose(List.of(x)).getFirst().toFloats());
    Tensor one = x.mul(0).add(1);
    List<Tensor> norm = List.of(x, one, bias, one.mean(true, -1), one.mean(true, -1), x); // of ones
    NormGradOp gradient = new NormGradOp.LayerNormGrad(1e-5f, true);
    List<Tensor> apart = engine.apply(gradient, norm.subList(0, 5));
    List<Tensor> joined = new FusedOp.NormGradAdd(gradient).decompose(norm);
    assertArrayEquals(apart.get(0).add(x).toFloats(), joined.get(0).toFloats());
    assertArrayEquals(apart.get(2).toFloats(), joined.get(2).toFloats());
    assertEquals(
        List.of(X, X),
        siblings.infer(List.of(X, square.spec(), other.spec(), bias.spec(), bias.spec())));
  }
}

package dev.quern.core.plan;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.FusedProduct;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Which calls a plan of an inference fuses. */
class FusionTest extends FusingEngine {

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
  void aResidualConnectionAndTheNormAfterItAreOneCall() {
    List<String> block =
        calls(
            x -> {
              Tensor h = x.add(x.linear(square));
              Tensor early = h.neg(); // reads the sum before the norm does
              return List.of(h.rmsNorm(bias, 1e-5f), h, early);
            });
    assertEquals(List.of("mul", "linear", "addRmsNorm", "neg"), block);
    assertEquals(
        List.of("mul", "exp", "addRmsNorm", "rmsNorm"),
        calls(
            x -> {
              Tensor h = x.add(x.exp());
              return List.of(h.rmsNorm(bias, 1e-5f), h.rmsNorm(bias, 1e-6f));
            }));
    assertEquals(
        List.of("mul", "linearAdd", "layerNorm"),
        calls(x -> List.of(x.add(x.linear(square)).layerNorm(bias, bias, 1e-5f))));
  }

  @Test
  void aNormThatDoesNotFollowItsSumAsItIsStays() {
    assertEquals(
        List.of("mul", "add", "rmsNorm"), calls(x -> List.of(x.add(bias).rmsNorm(bias, 1e-5f))));
    Tensor short4 = engine.normal(5, 4);
    assertEquals(
        List.of("mul", "exp", "add", "rmsNorm"),
        calls(x -> List.of(x.add(x.exp()).reshape(6, 4).rmsNorm(short4, 1e-5f))));
    assertEquals(
        List.of("mul", "exp", "add", "rmsNorm"),
        calls(x -> List.of(x.add(x.exp()).slice(0, 1, 2).rmsNorm(bias, 1e-5f))));
    assertEquals(
        List.of("mul", "exp", "add", "sum", "rmsNorm"),
        calls(
            x -> {
              Tensor h = x.add(x.exp());
              return List.of(h.rmsNorm(x.sum(false, 0), 1e-5f));
            }));
    try (Buffer weight = engine.buffer("w", TensorSpec.of(ScalarType.F32, 8))) {
      List<String> written =
          calls(
              x -> {
                Tensor h = x.add(x.exp());
                weight.assign(bias);
                return List.of(h.rmsNorm(weight.value(), 1e-5f));
              });
      assertEquals(List.of("mul", "exp", "add", "assign", "rmsNorm"), written);
      List<String> kept =
          calls(
              x -> {
                try (Tape tape = engine.tape()) {
                  tape.watch(weight);
                  Tensor y = x.add(x.exp()).rmsNorm(weight.value(), 1e-5f);
                  return List.of(tape.backward(y.sum()).of(weight));
                }
              });
      assertTrue(kept.contains("add") && kept.contains("rmsNorm"), kept::toString);
    }
  }

  private static void write(Buffer cache, Tensor rows, Tensor starts) {
    rows.executor().apply(new BufferOp.CacheWrite(), List.of(cache.value(), rows, starts));
  }

  @Test
  void rotatedKeysGoToTheirCacheInOneCall() {
    Tensor zeros = engine.tensor(new int[3]);
    Tensor frequencies = engine.normal(6, 3);
    try (Buffer cache = engine.buffer("cache", TensorSpec.of(ScalarType.F16, 3, 5, 1, 8));
        Buffer halves = engine.buffer("halves", TensorSpec.of(ScalarType.F16, 3, 5, 2, 4));
        Buffer positions = engine.buffer("positions", TensorSpec.of(ScalarType.I32, 3, 1))) {
      Function<Tensor, Tensor> rotated =
          x -> x.reshape(3, 1, 1, 8).rope(positions.value(), frequencies, true);
      assertEquals(
          List.of("mul", "ropeCacheWrite", "cacheWrite"),
          calls(
              x -> {
                write(cache, rotated.apply(x), zeros);
                write(cache, x.reshape(3, 1, 1, 8), zeros);
                return List.of(x);
              }));
      assertEquals(
          List.of("mul", "rope", "cacheWrite"),
          calls(
              x -> {
                Tensor k = rotated.apply(x);
                write(cache, k, zeros);
                return List.of(k);
              }));
      assertEquals(
          List.of("mul", "rope", "cacheWrite"),
          calls(
              x -> {
                write(halves, rotated.apply(x).reshape(3, 1, 2, 4), zeros);
                return List.of(x);
              }));
      assertEquals(
          List.of("mul", "rope", "assign", "cacheWrite"),
          calls(
              x -> {
                Tensor k = rotated.apply(x);
                positions.assign(zeros.reshape(3, 1));
                write(cache, k, zeros);
                return List.of(x);
              }));
    }
  }

  @Test
  void rotatedKeysGoToTheirPages() {
    Tensor zeros = engine.tensor(new int[3]);
    Tensor frequencies = engine.normal(6, 3);
    Tensor pages = engine.tensor(new int[] {2, 0, 1}, 3, 1);
    try (Buffer pool = engine.buffer("pool", TensorSpec.of(ScalarType.F32, 3, 5, 1, 8))) {
      assertEquals(
          List.of("mul", "ropeCacheWrite"),
          calls(
              x -> {
                Tensor k = x.reshape(3, 1, 1, 8).rope(zeros.reshape(3, 1), frequencies, true);
                List<Tensor> write = List.of(pool.value(), k, zeros, pages);
                k.executor().apply(new BufferOp.CacheWrite(true), write);
                return List.of(x);
              }));
      Tensor k = engine.normal(7, 3, 1, 1, 8);
      Op whole = new FusedOp.RopeCacheWrite(true, true);
      List<Tensor> in =
          List.of(
              pool.value(),
              k,
              zeros.reshape(3, 1).add(zeros.scalarLike(4)),
              frequencies,
              zeros,
              pages);
      assertEquals(List.of(), whole.infer(in.stream().map(Tensor::spec).toList()));
      whole.decompose(in);
      Tensor rotated = k.rope(in.get(2), frequencies, true);
      for (int b = 0; b < 3; b++) {
        int page = new int[] {2, 0, 1}[b];
        assertArrayEquals(
            rotated.slice(0, b, 1).toFloats(),
            pool.value().slice(0, page, 1).slice(1, 0, 1).toFloats());
      }
    }
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
    List<Tensor> added = new FusedOp.AddRmsNorm(1e-5f).decompose(List.of(x, h, bias));
    assertArrayEquals(x.add(h).toFloats(), added.get(0).toFloats());
    assertArrayEquals(x.add(h).rmsNorm(bias, 1e-5f).toFloats(), added.get(1).toFloats());
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

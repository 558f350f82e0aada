package dev.quern.core.autograd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.plan.Recording;
import dev.quern.core.type.GradientException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A training step recorded once: forward, backward and update. */
class TrainingPlanTest {
  private static final int STEPS = 5;

  /** A small transformer block on the kernels that are found: embedding to loss. */
  private static final class Model implements AutoCloseable {
    final Engine engine;
    final List<Buffer> parameters = new ArrayList<>();
    final Tensor frequencies;

    Model(Engine engine) {
      this.engine = engine;
      frequencies = engine.tensor(new float[] {1, 0.1f}, 2);
      parameter(1, 11, 8);
      parameter(2, 8);
      parameter(3, 24, 8);
      parameter(4, 8, 8);
      parameter(5, 16, 8);
      parameter(6, 16, 8);
      parameter(7, 8, 16);
    }

    private void parameter(long seed, long... dims) {
      Buffer b = engine.buffer("p" + seed, TensorSpec.of(ScalarType.F32, dims));
      b.assign(engine.normal(seed, dims).mul(0.3));
      parameters.add(b);
    }

    private Tensor p(int i) {
      return parameters.get(i).value();
    }

    Tensor loss(Tensor ids, Tensor targets, Tensor seed) {
      Tensor h = p(0).embedding(ids, ScalarType.F32); // (2, 5, 8)
      List<Tensor> qkv = h.rmsNorm(p(1), 1e-5f).linear(p(2)).split(-1, 8, 8, 8);
      Tensor at = engine.arange(ScalarType.I32, 0, 1, 5).expand(ids.shape());
      Tensor q = qkv.get(0).reshape(2, 5, 2, 4).rope(at, frequencies, false);
      Tensor k = qkv.get(1).reshape(2, 5, 2, 4).rope(at, frequencies, false);
      Tensor v = qkv.get(2).reshape(2, 5, 2, 4);
      h = h.add(q.attention(k, v, true).reshape(2, 5, 8).linear(p(3)).dropout(0.2f, seed));
      h = h.add(h.linear(p(4)).swiGlu(h.linear(p(5))).linear(p(6)));
      return h.linear(p(0)).crossEntropy(targets);
    }

    Tensor step(Tensor ids, Tensor targets, Tensor seed) {
      try (Tape tape = engine.tape()) {
        tape.watch(parameters.toArray(Buffer[]::new));
        Tensor loss = loss(ids, targets, seed);
        Gradients g = tape.backward(loss);
        for (Buffer b : parameters) {
          b.assign(b.value().sub(g.of(b).mul(0.3)));
        }
        return loss;
      }
    }

    void record(Recording r) {
      Tensor ids = r.slot("ids", TensorSpec.of(ScalarType.I32, 2, 5));
      Tensor targets = r.slot("targets", TensorSpec.of(ScalarType.I32, 2, 5));
      Tensor seed = r.slot("seed", TensorSpec.of(ScalarType.I64, 2));
      r.output("loss", step(ids, targets, seed));
    }

    @Override
    public void close() {
      parameters.forEach(Buffer::close);
    }
  }

  private static int[] tokens(int step, int shift) {
    int[] t = new int[10];
    for (int i = 0; i < t.length; i++) {
      t[i] = (step / 4 + 3 * i + shift) % 11;
    }
    return t;
  }

  private static List<float[]> eager(Engine engine) {
    List<float[]> values = new ArrayList<>();
    try (Model m = new Model(engine)) {
      for (int s = 0; s < STEPS; s++) {
        try (TensorScope _ = TensorScope.open()) {
          Tensor ids = engine.tensor(tokens(s, 0), 2, 5);
          Tensor targets = engine.tensor(tokens(s, 1), 2, 5);
          values.add(m.step(ids, targets, engine.tensor(new long[] {s, 0}, 2)).toFloats());
        }
      }
      m.parameters.forEach(b -> values.add(b.value().toFloats()));
    }
    return values;
  }

  private static List<float[]> replayed(Engine engine) {
    List<float[]> values = new ArrayList<>();
    try (Model m = new Model(engine);
        Plan plan = engine.record("step", m::record)) {
      for (int s = 0; s < STEPS; s++) {
        plan.slot("ids").set(tokens(s, 0));
        plan.slot("targets").set(tokens(s, 1));
        plan.slot("seed").set(0, s);
        plan.run();
        values.add(plan.output("loss").toFloats());
      }
      m.parameters.forEach(b -> values.add(b.value().toFloats()));
    }
    return values;
  }

  @Test
  void replayGivesTheEagerBitsForAnyNumberOfThreads() {
    List<float[]> expected;
    try (Engine one = Engine.builder().threads(1).build()) {
      expected = eager(one);
    }
    assertTrue(expected.get(STEPS - 1)[0] < expected.getFirst()[0], "the loss falls");
    for (int threads = 1; threads < 4; threads++) {
      try (Engine engine = Engine.builder().threads(threads).build()) {
        List<float[]> again = eager(engine);
        List<float[]> actual = replayed(engine);
        for (int i = 0; i < expected.size(); i++) {
          assertArrayEquals(expected.get(i), again.get(i), 0f, "value " + i);
          assertArrayEquals(expected.get(i), actual.get(i), 0f, "value " + i);
        }
      }
    }
  }

  @Test
  void nothingIsRecordedTwice() {
    try (Engine engine = Engine.builder().kernels().threads(1).build();
        Model m = new Model(engine);
        Plan plan = engine.record("step", m::record)) {
      List<String> calls = plan.explain().lines().skip(1).toList();
      for (String once :
          List.of(
              "embedding",
              "rmsNorm",
              "rmsNormGrad",
              "attention",
              "attentionGrad",
              "swiGlu",
              "swiGluGrad",
              "crossEntropy",
              "crossEntropyGrad",
              "concat",
              "indexAdd")) {
        assertEquals(1, calls.stream().filter(l -> l.startsWith(once + " ")).count(), once);
      }
      assertEquals(2, calls.stream().filter(l -> l.startsWith("dropout ")).count());
      assertEquals(4, calls.stream().filter(l -> l.startsWith("rope ")).count());
      assertEquals(6, calls.stream().filter(l -> l.startsWith("linear ")).count());
      assertEquals(12, calls.stream().filter(l -> l.startsWith("matmul ")).count());
      assertEquals(7, calls.stream().filter(l -> l.startsWith("assign ")).count());
    }
  }

  @Test
  void anUpdateBeforeTheGradientIsRefusedInARecordingToo() {
    try (Engine engine = Engine.builder().kernels().threads(1).build();
        Buffer p = engine.buffer("p", TensorSpec.of(ScalarType.F32, 2))) {
      String message =
          assertThrows(
                  GradientException.class,
                  () ->
                      engine.record(
                          "wrong",
                          r -> {
                            try (Tape tape = engine.tape()) {
                              tape.watch(p);
                              Tensor loss = p.value().mul(p.value()).sum();
                              p.assign(r.slot("x", p.spec()));
                              r.output("g", tape.backward(loss).of(p));
                            }
                          }))
              .getMessage();
      assertTrue(message.contains("[mul]") && message.contains("[assign]"), message);
    }
  }
}

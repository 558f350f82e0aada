package dev.quern.core.autograd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.GradientException;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is frozen costs nothing, and gradients pass through quantised weights. */
class FrozenParametersTest {
  private final Engine engine = Engine.builder().kernels().threads(1).build();
  private final Tensor x = engine.normal(1, 3, 256);
  private final Tensor w1 = engine.normal(2, 256, 256).mul(0.1);
  private final Tensor w2 = engine.normal(3, 256, 256).mul(0.1);
  private final Tensor norm = engine.normal(4, 256);

  private Tensor network(Tensor h, Tensor first, Tensor second) {
    return h.linear(first).rmsNorm(norm, 1e-5f).linear(second);
  }

  /** How often each operation is recorded for loss and gradients. */
  private Map<String, Integer> calls(Tensor... watched) {
    Map<String, Integer> counts = new TreeMap<>();
    try (Plan plan =
        engine.record(
            "step",
            r -> {
              Tensor in = r.slot("x", x.spec());
              try (Tape tape = engine.tape()) {
                tape.watch(watched);
                Tensor loss = network(in, w1, w2).tanh().sum();
                Gradients g = tape.backward(loss);
                for (int i = 0; i < watched.length; i++) {
                  r.output("g" + i, g.of(watched[i]));
                }
              }
            })) {
      plan.explain()
          .lines()
          .skip(1)
          .forEach(l -> counts.merge(l.substring(0, l.indexOf(' ')), 1, Integer::sum));
    }
    return counts;
  }

  @Test
  void gradientsOfFrozenParametersAreNotComputed() {
    assertEquals(2, calls(w2).get("linear"), () -> "" + calls(w2));
    assertEquals(1, calls(w2).get("matmul")); // its own gradient, and nothing further back
    assertFalse(calls(w2).containsKey("rmsNormGrad"));
    assertEquals(2, calls(w1).get("matmul")); // through the second layer, and its own
    assertEquals(3, calls(w1, w2).get("matmul"));
    assertEquals(2, calls(norm, w2).get("matmul"));
  }

  @Test
  void callsOnFrozenParametersAreNotNoted() {
    try (Tape tape = engine.tape()) {
      tape.watch(w2);
      Tensor h = x.linear(w1).rmsNorm(norm, 1e-5f);
      assertEquals(0, tape.size());
      Tensor loss = h.linear(w2).tanh().sum();
      assertEquals(3, tape.size());
      tape.backward(loss);
      assertEquals(3, tape.size());
      tape.gradients(loss, w2);
      assertTrue(tape.size() > 3, "a gradient that can be differentiated is noted");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = BlockType.class,
      names = {"Q8_0", "Q4_0", "Q4_K", "Q6_K"})
  void gradientsPassThroughQuantisedWeights(BlockType type) {
    Tensor base = w1.cast(type);
    Tensor plain = base.cast(ScalarType.F32);
    try (Tape tape = engine.tape()) {
      tape.watch(x, w2);
      float[][] g = new float[3][];
      Tensor[] losses = {
        x.linear(base).linear(w2).sum(),
        x.matmul(base.transpose()).linear(w2).sum(),
        x.linear(plain).linear(w2).sum()
      };
      for (int i = 0; i < losses.length; i++) {
        Gradients found = tape.backward(losses[i]);
        g[i] = found.of(x).toFloats();
        assertArrayEquals(
            found.of(w2).toFloats(), tape.backward(losses[2]).of(w2).toFloats(), 1e-4f);
      }
      assertArrayEquals(g[2], g[0], 0f);
      assertArrayEquals(g[2], g[1], 0f);
      String message = assertThrows(GradientException.class, () -> tape.watch(base)).getMessage();
      assertTrue(message.contains("[watch] quantised tensor [256, 256] " + type), message);
    }
  }

  /** An adapter of rank 2 beside a frozen, quantised base learns; the base keeps its bytes. */
  @Test
  void anAdapterLearnsBesideAQuantisedBase() {
    Tensor base = w1.cast(BlockType.Q8_0);
    byte[] before = base.segment().toArray(ValueLayout.JAVA_BYTE);
    Tensor wanted = x.linear(w1).add(engine.normal(9, 3, 256).mul(0.1));
    Tensor down = engine.normal(5, 2, 256).mul(0.05);
    Tensor up = engine.normal(6, 256, 2).mul(0.05);
    double first = 0;
    double last = 0;
    for (int step = 0; step < 20; step++) {
      try (Tape tape = engine.tape()) {
        tape.watch(down, up);
        Tensor error = x.linear(base).add(x.linear(down).linear(up)).sub(wanted);
        Tensor loss = error.mul(error).mean();
        Gradients g = tape.backward(loss);
        last = loss.item();
        first = step == 0 ? last : first;
        down = down.sub(g.of(down).mul(0.05)).detach();
        up = up.sub(g.of(up).mul(0.05)).detach();
      }
    }
    assertTrue(last < 0.9 * first, first + " to " + last);
    assertArrayEquals(before, base.segment().toArray(ValueLayout.JAVA_BYTE));
  }
}

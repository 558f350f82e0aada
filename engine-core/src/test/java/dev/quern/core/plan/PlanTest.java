package dev.quern.core.plan;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class PlanTest {
  private static final TensorSpec X = TensorSpec.of(ScalarType.F32, 2, 8);

  private final Engine engine = Engine.create();
  private final Tensor w = engine.normal(1, 5, 8);
  private final Tensor norm = engine.normal(2, 5);

  private Tensor network(Tensor x) {
    Tensor h = x.linear(w).rmsNorm(norm, 1e-5f);
    return h.transpose().softmax(-1).mul(2).add(h.silu().transpose());
  }

  @Test
  void replayGivesTheBitsOfEager() {
    try (Plan plan = engine.record("net", r -> r.output("y", network(r.slot("x", X))))) {
      for (int i = 0; i < 3; i++) {
        float[] x = engine.normal(100 + i, 2, 8).toFloats();
        plan.slot("x").set(x);
        plan.run();
        assertArrayEquals(network(engine.tensor(x, 2, 8)).toFloats(), plan.output("y").toFloats());
      }
    }
  }

  @Test
  void constantsAreComputedOnceAtRecording() {
    try (Plan plan =
        engine.record("c", r -> r.output("y", r.slot("x", X).linear(w.mul(2).add(1))))) {
      assertEquals(1, plan.size(), plan.explain());
    }
  }

  @Test
  void itsKernelsAreThoseThatExplainNames() {
    try (Plan plan =
        engine.record("k", r -> r.output("y", r.slot("x", X).linear(w).exp().add(1)))) {
      List<String> lines = plan.explain().lines().skip(1).toList();
      assertEquals(plan.size(), plan.kernels().size());
      for (int i = 0; i < plan.size(); i++) {
        String expected = ": " + plan.kernels().get(i) + " ";
        assertTrue(lines.get(i).contains(expected), lines.get(i));
      }
    }
  }

  @Test
  void aCacheIsWrittenInOrderAndReadToItsLength() {
    int capacity = 6;
    Attention causal = new Attention(true, 0.5f, 0, 0, false, true, false);
    TensorSpec cache = TensorSpec.of(ScalarType.F32, 1, capacity, 1, 4);
    try (Buffer k = engine.buffer("k", cache);
        Buffer v = engine.buffer("v", cache);
        Plan plan =
            engine.record(
                "decode",
                r -> {
                  Tensor row = r.slot("row", TensorSpec.of(ScalarType.F32, 1, 1, 1, 4));
                  Tensor start = r.slot("start", TensorSpec.of(ScalarType.I32, 1));
                  engine.apply(new BufferOp.CacheWrite(), List.of(k.value(), row, start));
                  engine.apply(new BufferOp.CacheWrite(), List.of(v.value(), row.mul(3), start));
                  r.output("y", row.attention(k.value(), v.value(), causal, start));
                })) {
      Tensor all = engine.normal(5, 1, capacity, 1, 4);
      for (int t = 0; t < capacity; t++) {
        plan.slot("row").set(all.slice(1, t, 1).toFloats());
        plan.slot("start").set(t);
        plan.run();
        Tensor seen = all.slice(1, 0, t + 1);
        Tensor expected =
            all.slice(1, t, 1).attention(seen, seen.mul(3), causal, engine.tensor(new int[] {t}));
        assertArrayEquals(expected.toFloats(), plan.output("y").toFloats(), 1e-6f, "step " + t);
      }
      assertEquals(capacity, k.version());
    }
  }

  @Test
  void replaysInARowGoOnFromWhatTheyLeft() {
    try (Buffer sum = engine.buffer("sum", TensorSpec.of(ScalarType.F32, 2));
        Plan plan =
            engine.record(
                "count",
                r -> {
                  Tensor step = r.slot("step", TensorSpec.of(ScalarType.F32, 2));
                  sum.assign(sum.value().mul(2).add(step));
                })) {
      plan.slot("step").set(1f, 3f);
      plan.run(3);
      assertArrayEquals(new float[] {7, 21}, sum.value().toFloats());
      assertThrows(QuernException.class, () -> plan.run(0));
    }
  }

  @Test
  void misuseIsNamed() {
    Tensor[] leaked = new Tensor[1];
    Plan plan =
        engine.record(
            "net",
            r -> {
              leaked[0] = r.slot("x", X);
              assertThrows(QuernException.class, leaked[0]::toFloats);
              assertThrows(QuernException.class, () -> engine.record("inner", _ -> {}));
              r.output("y", network(leaked[0]));
            });
    assertTrue(
        assertThrows(QuernException.class, () -> plan.slot("z")).getMessage().contains("[x]"));
    assertThrows(QuernException.class, () -> leaked[0].exp());
    assertThrows(QuernException.class, () -> plan.slot("x").set(1f));
    Tensor y = plan.output("y");
    plan.close();
    assertThrows(ScopeClosedException.class, plan::run);
    assertThrows(ScopeClosedException.class, plan::close);
    assertThrows(ScopeClosedException.class, y::toFloats);
  }

  @Test
  void aPlanRefusesWeightsWhoseScopeIsClosed() {
    Plan plan;
    try (TensorScope _ = TensorScope.open("weights")) {
      Tensor local = engine.normal(9, 5, 8);
      plan = engine.record("net", r -> r.output("y", r.slot("x", X).linear(local)));
    }
    try (plan) {
      ScopeClosedException e = assertThrows(ScopeClosedException.class, plan::run);
      assertTrue(e.getMessage().contains("scope 'weights'"), e.getMessage());
    }
  }

  @Test
  void anErrorInTheRecordedCodeEndsTheRecording() {
    assertThrows(
        IllegalStateException.class,
        () ->
            engine.record(
                "bad",
                _ -> {
                  throw new IllegalStateException("no");
                }));
    assertEquals(40, w.add(0).shape().elements());
  }

  @Test
  void aSlotOfAClosedPlanIsRefusedAndOutputsHandedOutAreKept() {
    Plan plan = engine.record("net", r -> r.output("y", network(r.slot("x", X))));
    plan.slot("x").set(new float[16]);
    plan.run();
    MemorySegment kept = plan.output("y").segment();
    byte[] before = kept.toArray(ValueLayout.JAVA_BYTE);
    Slot slot = plan.slot("x");
    plan.close();
    for (int i = 0; i < 50; i++) {
      engine.full(ScalarType.F32, 1e9, 2, 8 * (i + 1)); // would take a recycled workspace
    }
    assertArrayEquals(before, kept.toArray(ValueLayout.JAVA_BYTE));
    assertThrows(ScopeClosedException.class, () -> slot.set(new float[16]));
    assertThrows(ScopeClosedException.class, slot::memory);
  }

  @Test
  void emptyResultsNeedNoCalls() {
    try (Plan plan =
        engine.record(
            "empty",
            r -> r.output("y", r.slot("x", TensorSpec.of(ScalarType.F32, 0, 8)).linear(w)))) {
      plan.run();
      assertEquals(0, plan.size());
      assertEquals(0, plan.output("y").toFloats().length);
    }
  }
}

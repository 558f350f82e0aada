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
import dev.quern.core.type.GradientException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Activation checkpointing: the same bits, less memory. */
class CheckpointTest {
  private final Engine engine = Engine.builder().kernels().threads(2).build();
  private final Tensor x = engine.normal(1, 4, 8);
  private final Tensor w = engine.normal(2, 8, 8);
  private final Tensor norm = engine.normal(3, 8);
  private final Tensor seed = engine.tensor(new long[] {7, 0}, 2);

  /** A layer with chance and with residuals (the norm's) in it. */
  private Tensor layer(Tensor h) {
    return h.add(h.rmsNorm(norm, 1e-5f).linear(w).gelu().dropout(0.3f, seed));
  }

  private List<float[]> run(boolean checkpoint) {
    try (TensorScope _ = TensorScope.open();
        Tape tape = engine.tape()) {
      tape.watch(x, w, norm);
      Tensor h = x;
      for (int i = 0; i < 3; i++) {
        h = checkpoint ? tape.checkpoint(this::layer, h) : layer(h);
      }
      Tensor loss = h.mul(h).mean();
      Gradients g = tape.backward(loss);
      return List.of(
          loss.toFloats(), g.of(x).toFloats(), g.of(w).toFloats(), g.of(norm).toFloats());
    }
  }

  @Test
  void bitsAreThoseWithoutIt() {
    List<float[]> plain = run(false);
    List<float[]> checkpointed = run(true);
    for (int i = 0; i < plain.size(); i++) {
      assertArrayEquals(plain.get(i), checkpointed.get(i), 0f);
    }
  }

  @Test
  void onlyInputsAndResultsAreKept() {
    int[] kept = new int[2];
    for (int checkpoint = 0; checkpoint < 2; checkpoint++) {
      try (TensorScope scope = TensorScope.open();
          Tape tape = engine.tape()) {
        tape.watch(w);
        Tensor y = checkpoint == 1 ? tape.checkpoint(this::layer, x) : layer(x);
        kept[checkpoint] = scope.size();
        assertEquals(checkpoint == 1 ? 1 : 4, tape.size());
        assertEquals(List.of(4L, 8L), List.of(y.shape().dim(0), y.shape().dim(1)));
      }
    }
    assertEquals(1, kept[1]);
    assertTrue(kept[0] > 4, "" + kept[0]);
  }

  @Test
  void codeIsRunTwiceAndOnlyIfNeeded() {
    AtomicInteger runs = new AtomicInteger();
    try (Tape tape = engine.tape()) {
      Tensor frozen =
          tape.checkpoint(
              h -> {
                runs.incrementAndGet();
                return layer(h);
              },
              x);
      assertEquals(0, tape.size());
      tape.watch(w);
      Tensor y =
          tape.checkpoint(
              h -> {
                runs.incrementAndGet();
                return layer(h);
              },
              frozen);
      assertEquals(2, runs.get());
      tape.backward(y.sum());
      assertEquals(3, runs.get());
    }
    engine.checkpoint(in -> List.of(layer(in.getFirst())), List.of(x)); // no tape: just code
  }

  @Test
  void itNests() {
    try (Tape tape = engine.tape()) {
      tape.watch(w);
      Tensor plain = layer(layer(x));
      Tensor nested =
          tape.checkpoint(
              h ->
                  engine
                      .checkpoint(in -> List.of(layer(in.getFirst())), List.of(layer(h)))
                      .getFirst(),
              x);
      float[] expected = tape.backward(plain.sum()).of(w).toFloats();
      assertArrayEquals(expected, tape.backward(nested.sum()).of(w).toFloats(), 0f);
    }
  }

  @Test
  void severalResultsAndWhatIsHandedThrough() {
    Tensor a = engine.tensor(new double[] {2, 3}, 2);
    try (Tape tape = engine.tape()) {
      tape.watch(a);
      List<Tensor> y =
          tape.checkpoint(
              in -> List.of(in.getFirst(), in.getFirst().mul(in.getFirst())), List.of(a));
      Tensor loss = y.get(0).mul(3).add(y.get(1)).sum();
      assertArrayEquals(new double[] {7, 9}, tape.backward(loss).of(a).toDoubles());
    }
  }

  /** One tensor as two results has two gradients, each of which counts once. */
  @Test
  void aResultThatIsHandedOutTwice() {
    Tensor a = engine.tensor(new double[] {2, 3}, 2);
    try (Tape tape = engine.tape()) {
      tape.watch(a);
      List<Tensor> y =
          tape.checkpoint(
              in -> {
                Tensor square = in.getFirst().mul(in.getFirst());
                return List.of(square, square);
              },
              List.of(a));
      Tensor first = y.get(0).sum();
      assertArrayEquals(new double[] {4, 6}, tape.backward(first).of(a).toDoubles());
      Tensor both = y.get(0).mul(3).add(y.get(1)).sum();
      assertArrayEquals(new double[] {16, 24}, tape.backward(both).of(a).toDoubles());
    }
  }

  /** What nothing watched is in stays free of cost, though it passed through a checkpoint. */
  @Test
  void whatIsHandedThroughIsNotFollowedElsewhere() {
    Tensor mask = engine.tensor(new double[] {1, 0}, 2);
    Tensor a = engine.tensor(new double[] {2, 3}, 2);
    try (Tape tape = engine.tape()) {
      tape.watch(a);
      List<Tensor> y = tape.checkpoint(in -> List.of(in.getFirst().mul(mask), mask), List.of(a));
      int noted = tape.size();
      mask.mul(mask);
      assertEquals(noted, tape.size());
      assertArrayEquals(
          new double[] {1, 0}, tape.backward(y.get(0).mul(y.get(1)).sum()).of(a).toDoubles());
    }
  }

  @Test
  void gradientsInsideAreRefused() {
    Tensor a = engine.tensor(new double[] {2, 3}, 2);
    try (Tape tape = engine.tape()) {
      tape.watch(a);
      GradientException e =
          assertThrows(
              GradientException.class,
              () -> tape.checkpoint(t -> t.mul(tape.gradients(t.mul(t).sum(), t).getFirst()), a));
      assertTrue(e.getMessage().startsWith("[gradients] this is a checkpoint's"), e.getMessage());
      e =
          assertThrows(
              GradientException.class,
              () ->
                  tape.checkpoint(
                      t -> {
                        try (Tape inner = engine.tape()) {
                          inner.watch(t);
                          return inner.backward(t.mul(t).sum()).of(t);
                        }
                      },
                      a));
      assertTrue(e.getMessage().startsWith("[backward] this is a checkpoint's"), e.getMessage());
      assertEquals(0, tape.size());
      assertArrayEquals(
          new double[] {4, 6},
          tape.backward(tape.checkpoint(t -> t.mul(t), a).sum()).of(a).toDoubles());
    }
  }

  @Test
  void secondDerivativesPassThrough() {
    Tensor a = engine.tensor(new double[] {2, -3}, 2);
    try (TensorScope _ = TensorScope.open();
        Tape tape = engine.tape()) {
      tape.watch(a);
      Tensor cube = tape.checkpoint(t -> t.mul(t).mul(t), a).sum();
      Tensor first = tape.gradients(cube, a).getFirst();
      assertArrayEquals(new double[] {12, 27}, first.toDoubles());
      assertArrayEquals(
          new double[] {12, -18}, tape.gradients(first.sum(), a).getFirst().toDoubles());
    }
  }

  @Test
  void aPlanReplaysIt() {
    float[] eager;
    try (Tape tape = engine.tape()) {
      tape.watch(w);
      Tensor loss = tape.checkpoint(this::layer, tape.checkpoint(this::layer, x)).sum();
      eager = tape.backward(loss).of(w).toFloats();
    }
    List<Long> bytes = new ArrayList<>();
    for (boolean checkpoint : new boolean[] {false, true}) {
      try (Plan plan =
          engine.record(
              "step",
              r -> {
                Tensor in = r.slot("x", x.spec());
                try (Tape tape = engine.tape()) {
                  tape.watch(w);
                  Tensor h = in;
                  for (int i = 0; i < 2; i++) {
                    h = checkpoint ? tape.checkpoint(this::layer, h) : layer(h);
                  }
                  r.output("dw", tape.backward(h.sum()).of(w));
                }
              })) {
        plan.slot("x").set(x.toFloats());
        plan.run();
        assertArrayEquals(eager, plan.output("dw").toFloats(), 0f);
        bytes.add(plan.workspaceBytes());
      }
    }
    assertTrue(bytes.get(1) <= bytes.get(0), "" + bytes);
  }

  @Test
  void codeThatWritesIsRefused() {
    try (Buffer state = engine.buffer("state", TensorSpec.of(ScalarType.F32, 4, 8));
        Tape tape = engine.tape()) {
      tape.watch(w);
      GradientException e =
          assertThrows(
              GradientException.class,
              () ->
                  tape.checkpoint(
                      h -> {
                        Tensor y = layer(h);
                        state.assign(y);
                        return y;
                      },
                      x));
      assertTrue(e.getMessage().startsWith("[checkpoint] the code writes"), e.getMessage());
      assertEquals(0, tape.size());
      Tensor y = tape.checkpoint(h -> layer(h).add(state.value()), x);
      state.assign(x);
      e = assertThrows(GradientException.class, () -> tape.backward(y.sum()));
      assertTrue(e.getMessage().contains("[assign] has overwritten it"), e.getMessage());
    }
  }
}

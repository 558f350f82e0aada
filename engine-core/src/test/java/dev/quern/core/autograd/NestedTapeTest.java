package dev.quern.core.autograd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.GradientException;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Tapes inside tapes, and what a tape says to misuse. */
class NestedTapeTest {
  private final Engine engine = Engine.builder().kernels().threads(1).build();
  private final Tensor x = engine.tensor(new double[] {2, -3}, 2);

  @Test
  void anOuterTapeSeesAnInnerBackwardPass() {
    try (Tape outer = engine.tape()) {
      outer.watch(x);
      Tensor first;
      try (Tape inner = engine.tape()) {
        inner.watch(x);
        first = inner.backward(x.mul(x).mul(x).sum()).of(x);
      }
      assertArrayEquals(new double[] {12, 27}, first.toDoubles());
      assertArrayEquals(new double[] {12, -18}, outer.backward(first.sum()).of(x).toDoubles());
    }
  }

  /** The norm's gradient is one operation; its own gradient comes from its parts. */
  @Test
  void fusedGradientsDifferentiateAgain() {
    Tensor w = engine.tensor(new double[] {1, 0.5}, 2);
    try (Tape tape = engine.tape()) {
      tape.watch(x);
      Tensor fused = tape.gradients(x.rmsNorm(w, 0.5f).mul(x).sum(), x).getFirst();
      Tensor r = x.mul(x).mean(true, -1).add(0.5).rsqrt();
      Tensor spelled = tape.gradients(x.mul(r).mul(w).mul(x).sum(), x).getFirst();
      assertArrayEquals(spelled.toDoubles(), fused.toDoubles(), 1e-12);
      assertArrayEquals(
          tape.gradients(spelled.mul(x).sum(), x).getFirst().toDoubles(),
          tape.gradients(fused.mul(x).sum(), x).getFirst().toDoubles(),
          1e-12);
    }
  }

  @Test
  void backwardGivesAllThatIsWatched() {
    Tensor unused = engine.tensor(new double[] {5}, 1);
    Tensor other = engine.tensor(new double[] {5}, 1);
    try (Tape tape = engine.tape()) {
      tape.watch(x, unused);
      Gradients g = tape.backward(x.mul(x).sum());
      assertArrayEquals(new double[] {4, -6}, g.of(x).toDoubles());
      assertArrayEquals(new double[] {0}, g.of(unused).toDoubles());
      assertTrue(g.reaches(x));
      assertFalse(g.reaches(unused));
      assertThrows(GradientException.class, () -> g.of(other));
      Tensor y = x.mul(x);
      Gradients rows = tape.backward(y, engine.tensor(new double[] {10, 1}, 2));
      assertArrayEquals(new double[] {40, -6}, rows.of(x).toDoubles());
    }
  }

  /** A tensor that is both operands of one call gets the sum once. */
  @Test
  void theSameTensorTwice() {
    Tensor m = engine.tensor(new double[] {1, 2, 3, 4}, 2, 2);
    try (Tape tape = engine.tape()) {
      tape.watch(m);
      Tensor gate = m.swiGlu(m);
      Tensor spelled = m.silu().mul(m);
      assertArrayEquals(
          tape.backward(spelled.sum()).of(m).toDoubles(),
          tape.backward(gate.sum()).of(m).toDoubles(),
          1e-12);
      Tensor q = m.reshape(1, 2, 1, 2);
      double[] attention = tape.backward(q.attention(q, q, true).sum()).of(m).toDoubles();
      Tensor scores = m.matmul(m.transpose()).mul((double) (float) (1 / Math.sqrt(2)));
      Tensor seen = engine.tensor(new boolean[] {true, false, true, true}, 2, 2);
      Tensor p = seen.where(scores, scores.scalarLike(-1e9)).softmax(-1);
      assertArrayEquals(tape.backward(p.matmul(m).sum()).of(m).toDoubles(), attention, 1e-9);
    }
  }

  private static String refused(Runnable r) {
    return assertThrows(GradientException.class, r::run).getMessage();
  }

  @Test
  void misuseSaysWhatToDo() throws InterruptedException {
    Tape outer = engine.tape();
    Tape inner = engine.tape();
    String order = refused(outer::close);
    assertTrue(order.contains("close the inner one first"), order);
    inner.close();
    String scalar = refused(() -> outer.backward(x.mul(x)));
    assertTrue(scalar.contains("reduce it") && scalar.contains("backward(of, grad"), scalar);
    Tensor loss = x.sum();
    String nothing = refused(() -> outer.backward(loss));
    assertTrue(nothing.contains("depends on no watched tensor; call tape.watch"), nothing);
    outer.watch(x);
    Tensor y = x.mul(x);
    String shape = refused(() -> outer.backward(y, engine.tensor(new double[] {1}, 1)));
    assertTrue(shape.contains("[1] F64") && shape.contains("[2] F64"), shape);
    AtomicReference<String> elsewhere = new AtomicReference<>();
    Thread t = new Thread(() -> elsewhere.set(refused(() -> outer.watch(x))), "elsewhere");
    t.start();
    t.join();
    assertTrue(elsewhere.get().contains("open a tape per thread"), elsewhere.get());
    outer.close();
    outer.close(); // closing again does nothing
    String closed = refused(() -> outer.backward(y.sum()));
    assertTrue(closed.contains("the tape was closed"), closed);
    assertEquals(0, outer.size());
  }
}

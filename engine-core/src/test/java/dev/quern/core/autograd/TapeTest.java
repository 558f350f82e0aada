package dev.quern.core.autograd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.CustomOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.GradientException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class TapeTest {
  private final Engine engine = Engine.create();

  private Tensor f64(long seed, long... dims) {
    return engine.normal(seed, dims).cast(ScalarType.F64);
  }

  /** Compares the tape's gradient of Σ f(x)·weights with central differences. */
  private void check(String what, UnaryOperator<Tensor> f, Tensor x) {
    Tensor weights = f64(77, f.apply(x).shape().dims());
    double[] analytic;
    try (Tape tape = engine.tape()) {
      tape.watch(x);
      Tensor loss = f.apply(x).mul(weights).sum();
      analytic = tape.gradients(loss, x).getFirst().toDoubles();
    }
    double h = 1e-5;
    double[] base = x.toDoubles();
    double[] numeric = new double[base.length];
    for (int i = 0; i < base.length; i++) {
      double[] up = base.clone();
      double[] down = base.clone();
      up[i] += h;
      down[i] -= h;
      Tensor a = f.apply(engine.tensor(up, x.shape().dims())).mul(weights).sum();
      Tensor b = f.apply(engine.tensor(down, x.shape().dims())).mul(weights).sum();
      numeric[i] = (a.item() - b.item()) / (2 * h);
    }
    assertArrayEquals(numeric, analytic, 1e-7, what);
  }

  @Test
  void gradientsAgreeWithCentralDifferences() {
    Tensor x = f64(1, 2, 3, 4);
    Tensor m = f64(2, 4, 5);
    Tensor v = f64(3, 4);
    check("matmul lhs", t -> t.matmul(m), x);
    check("matmul rhs, broadcast", t -> x.matmul(t), m);
    check("matmul transposed", t -> t.transpose().matmul(f64(4, 2, 3, 2)), x);
    check("add, broadcast", t -> x.add(t), v);
    check("mul, broadcast", t -> x.mul(t), v);
    check("mul, twice the same", t -> t.mul(t), x);
    check("softmax", t -> t.softmax(-1), x);
    check("softmax on axis 1", t -> t.softmax(1), x);
    check("rmsNorm of x", t -> t.rmsNorm(v, 1e-5f), x);
    check("rmsNorm of weight", t -> x.rmsNorm(t, 1e-5f), v);
    check(
        "views",
        t ->
            t.slice(2, 1, 2)
                .permute(2, 0, 1)
                .unsqueeze(0)
                .expand(t.slice(2, 1, 2).permute(2, 0, 1).unsqueeze(0).shape().with(0, 3)),
        x);
  }

  @Test
  void attentionGradientsAgreeWithCentralDifferences() {
    Tensor q = f64(1, 2, 3, 4, 5);
    Tensor k = f64(2, 2, 3, 2, 5);
    Tensor v = f64(3, 2, 3, 2, 5);
    for (boolean causal : new boolean[] {false, true}) {
      check("q", t -> t.attention(k, v, causal), q);
      check("k", t -> q.attention(t, v, causal), k);
      check("v", t -> q.attention(k, t, causal), v);
    }
  }

  @Test
  void gradientsOfGradients() {
    Tensor x = engine.tensor(new double[] {2, -3});
    try (Tape tape = engine.tape()) {
      tape.watch(x);
      Tensor cube = x.mul(x).mul(x).sum();
      Tensor first = tape.gradients(cube, x).getFirst();
      Tensor second = tape.gradients(first.sum(), x).getFirst();
      assertArrayEquals(new double[] {12, 27}, first.toDoubles());
      assertArrayEquals(new double[] {12, -18}, second.toDoubles());
    }
  }

  @Test
  void aRecordedGradientReplays() {
    Tensor w = engine.normal(1, 3, 4);
    try (Plan plan =
        engine.record(
            "train",
            r -> {
              try (Tape tape = engine.tape()) {
                Tensor x = r.slot("x", TensorSpec.of(ScalarType.F32, 2, 3));
                tape.watch(x);
                Tensor loss = x.matmul(w).softmax(-1).mul(x.matmul(w)).sum();
                r.output("dx", tape.gradients(loss, x).getFirst());
              }
            })) {
      float[] x = engine.normal(2, 2, 3).toFloats();
      plan.slot("x").set(x);
      plan.run();
      Tensor eager = engine.tensor(x, 2, 3);
      try (Tape tape = engine.tape()) {
        tape.watch(eager);
        Tensor loss = eager.matmul(w).softmax(-1).mul(eager.matmul(w)).sum();
        assertArrayEquals(
            tape.gradients(loss, eager).getFirst().toFloats(), plan.output("dx").toFloats());
      }
    }
  }

  @Test
  void anOverwrittenValueIsRefusedNamingBothOperations() {
    try (Buffer p = engine.buffer("p", TensorSpec.of(ScalarType.F32, 2));
        Tape tape = engine.tape()) {
      tape.watch(p.value());
      Tensor loss = p.value().mul(p.value()).sum();
      p.assign(engine.tensor(new float[] {1, 2}));
      GradientException e =
          assertThrows(GradientException.class, () -> tape.gradients(loss, p.value()));
      assertTrue(
          e.getMessage().contains("[mul]") && e.getMessage().contains("[assign]"), e.getMessage());
    }
  }

  @Test
  void misuseIsNamed() {
    Tensor x = engine.normal(1, 2, 2);
    try (Tape tape = engine.tape()) {
      tape.watch(x);
      assertThrows(GradientException.class, () -> tape.gradients(x.mul(x), x));
      Tensor other = engine.normal(2, 2, 2);
      assertThrows(GradientException.class, () -> tape.gradients(x.sum(), other));
      assertThrows(GradientException.class, () -> tape.watch(engine.tensor(new int[] {1})));
      GradientException e =
          assertThrows(GradientException.class, () -> tape.gradients(opaque(x).sum(), x));
      assertTrue(
          e.getMessage().contains("[opaque] has no gradient; override its vjp"), e.getMessage());
      assertEquals(List.of(0.0, 0.0, 0.0, 0.0), zeros(tape, x));
    }
  }

  private List<Double> zeros(Tape tape, Tensor x) {
    Tensor unrelated = engine.normal(3, 2).sum();
    double[] g = tape.gradients(unrelated, x).getFirst().toDoubles();
    return List.of(g[0], g[1], g[2], g[3]);
  }

  @Test
  void noGradientPassesADetachedTensor() {
    Tensor x = engine.tensor(new double[] {2, 3}, 2);
    try (Tape tape = engine.tape()) {
      tape.watch(x);
      Tensor square = x.mul(x);
      Tensor loss = square.detach().mul(x).sum(); // as if x² were constant
      assertArrayEquals(new double[] {4, 9}, tape.gradients(loss, x).getFirst().toDoubles(), 1e-12);
      assertSame(square.storage(), square.detach().storage());
    }
  }

  /** An operation that nobody gave a gradient. */
  private record Opaque() implements CustomOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> inputs) {
      return inputs;
    }

    @Override
    public void compute(List<TensorView> inputs, List<TensorView> outputs) {
      outputs.getFirst().segment().copyFrom(inputs.getFirst().segment());
    }
  }

  private Tensor opaque(Tensor x) {
    return engine.apply(new Opaque(), List.of(x)).getFirst();
  }

  @Test
  void detachedTensorsPassOperationsWithoutAGradient() {
    Tensor x = engine.tensor(new double[] {2, 3, 5, 7}, 4);
    try (Tape tape = engine.tape()) {
      tape.watch(x);
      Tensor same = opaque(x);
      assertThrows(GradientException.class, () -> tape.gradients(same.sum(), x));
      Tensor loss = opaque(x.detach()).sum().add(x.sum());
      assertArrayEquals(
          new double[] {1, 1, 1, 1}, tape.gradients(loss, x).getFirst().toDoubles(), 1e-12);
    }
  }

  @Test
  void aRecordedGradientStopsAtADetachedTensor() {
    TensorSpec two = TensorSpec.of(ScalarType.F32, 2);
    try (Plan plan =
        engine.record(
            "detached",
            r -> {
              Tensor x = r.slot("x", two);
              try (Tape tape = engine.tape()) {
                tape.watch(x);
                Tensor loss = x.mul(x).detach().mul(x).sum();
                r.output("g", tape.gradients(loss, x).getFirst());
              }
            })) {
      plan.slot("x").set(2f, 3f);
      plan.run();
      assertArrayEquals(new float[] {4, 9}, plan.output("g").toFloats());
    }
  }
}

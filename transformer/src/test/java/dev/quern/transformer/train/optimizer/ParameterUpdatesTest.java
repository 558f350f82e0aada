package dev.quern.transformer.train.optimizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Updates of a small model: eager and recorded, clipped, accumulated, scaled and skipped. */
class ParameterUpdatesTest {
  private static final int STEPS = 6;

  private final List<Buffer> made = new ArrayList<>();

  static List<String> names() {
    return Optimizers.names();
  }

  /** Settings that use as much of an optimiser as there is; AdamW's are those of one operation. */
  private static Optimizer full(String name) {
    return Optimizers.of(
        name,
        switch (name) {
          case "sgd" -> Map.of("momentum", 0.9, "dampening", 0.2, "weight_decay", 0.1);
          case "adam" -> Map.of("amsgrad", 1.0, "weight_decay", 0.1);
          case "adagrad" -> Map.of("rate_decay", 0.1, "initial", 0.1, "weight_decay", 0.1);
          case "rmsprop" -> Map.of("centered", 1.0, "momentum", 0.5, "weight_decay", 0.1);
          case "adafactor" -> Map.of("beta1", 0.9, "weight_decay", 0.1);
          default -> Map.of("weight_decay", 0.1);
        });
  }

  private Map<String, Buffer> parameters(Engine engine, ScalarType type) {
    Map<String, Buffer> all = new LinkedHashMap<>();
    all.put("w", buffer(engine, "w", engine.normal(3, 5, 37).mul(0.4).cast(type)));
    all.put("b", buffer(engine, "b", engine.normal(4, 5).cast(type)));
    return all;
  }

  private Buffer buffer(Engine engine, String name, Tensor values) {
    Buffer b = engine.buffer(name, values.spec());
    b.assign(values);
    made.add(b);
    return b;
  }

  @AfterEach
  void close() {
    made.forEach(Buffer::close);
  }

  /** Gradients of a loss of x. */
  private static Map<String, Tensor> gradients(
      Engine engine, ParameterUpdates updates, Map<String, Buffer> p, Tensor x) {
    try (Tape tape = engine.tape()) {
      tape.watch(p.values().toArray(Buffer[]::new));
      Tensor y = x.linear(p.get("w").value(), p.get("b").value());
      return updates.of(tape.backward(y.mul(y).sub(y).mean()));
    }
  }

  private static float[] input(int step) {
    float[] x = new float[2 * 37];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) Math.sin(step * 7 + i);
    }
    return x;
  }

  private static List<double[]> contents(Map<String, Buffer> p, ParameterUpdates updates) {
    List<double[]> all = new ArrayList<>();
    p.values().forEach(b -> all.add(b.value().toDoubles()));
    updates.state().values().forEach(b -> all.add(b.value().toDoubles()));
    return all;
  }

  private static void same(List<double[]> expected, List<double[]> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(bits(expected.get(i)), bits(actual.get(i)), "value " + i);
    }
  }

  private static long[] bits(double[] values) {
    long[] bits = new long[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Double.doubleToRawLongBits(values[i]);
    }
    return bits;
  }

  private List<double[]> eager(
      Engine engine, Optimizer rule, UnaryOperator<ParameterUpdates.Builder> how) {
    Map<String, Buffer> p = parameters(engine, ScalarType.F32);
    try (ParameterUpdates updates = how.apply(ParameterUpdates.of(engine, rule, p)).build()) {
      for (int s = 1; s <= STEPS; s++) {
        try (TensorScope _ = TensorScope.open()) {
          Tensor x = engine.tensor(input(s), 2, 37);
          updates.step(gradients(engine, updates, p, x), new StepSettings(s, 0.05 / s));
        }
      }
      return contents(p, updates);
    }
  }

  private List<double[]> replayed(
      Engine engine, Optimizer rule, UnaryOperator<ParameterUpdates.Builder> how) {
    Map<String, Buffer> p = parameters(engine, ScalarType.F32);
    try (ParameterUpdates updates = how.apply(ParameterUpdates.of(engine, rule, p)).build();
        Plan plan =
            engine.record(
                "step",
                r -> {
                  Tensor x = r.slot("x", TensorSpec.of(ScalarType.F32, 2, 37));
                  Tensor n = r.slot("n", updates.numbers());
                  r.output("norm", updates.apply(gradients(engine, updates, p, x), n));
                })) {
      for (int s = 1; s <= STEPS; s++) {
        plan.slot("x").set(input(s));
        updates.set(plan.slot("n"), new StepSettings(s, 0.05 / s));
        plan.run();
      }
      return contents(p, updates);
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void replayGivesTheEagerBits(String name) {
    replayGivesTheEagerBits(name, b -> b.clipping(GradientClipping.byNorm(0.5)));
    replayGivesTheEagerBits(
        name, b -> b.clipping(GradientClipping.byValue(0.1)).skippingNonFinite());
  }

  private void replayGivesTheEagerBits(String name, UnaryOperator<ParameterUpdates.Builder> how) {
    List<double[]> one = null;
    for (int threads : new int[] {1, 3}) {
      try (Engine engine = Engine.builder().threads(threads).build()) {
        List<double[]> eager = eager(engine, full(name), how);
        same(eager, replayed(engine, full(name), how));
        one = one == null ? eager : one;
        same(one, eager);
      }
    }
    try (Engine plain = Engine.builder().kernels().threads(1).build()) {
      same(eager(plain, full(name), how), replayed(plain, full(name), how));
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void aStepThatIsNotFiniteLeavesEveryBit(String name) {
    for (boolean recorded : new boolean[] {false, true}) {
      try (Engine engine = Engine.builder().threads(1).build()) {
        Map<String, Buffer> p = parameters(engine, ScalarType.F32);
        try (ParameterUpdates updates =
                ParameterUpdates.of(engine, full(name), p)
                    .clipping(GradientClipping.byNorm(1))
                    .lossScaling()
                    .skippingNonFinite()
                    .build();
            Plan plan =
                engine.record(
                    "step",
                    r -> {
                      Tensor x = r.slot("x", TensorSpec.of(ScalarType.F32, 2, 37));
                      Tensor n = r.slot("n", updates.numbers());
                      r.output("norm", updates.apply(gradients(engine, updates, p, x), n));
                    })) {
          List<double[]> before = contents(p, updates);
          for (int s = 1; s <= 4; s++) {
            float[] x = input(s);
            boolean good = s != 1 && s != 3;
            x[5] = s == 1 ? Float.POSITIVE_INFINITY : s == 3 ? Float.NaN : x[5];
            StepSettings at = new StepSettings(s == 4 ? 2 : 1, 0.1, Double.NaN, 1024);
            double norm;
            if (recorded) {
              plan.slot("x").set(x);
              updates.set(plan.slot("n"), at);
              plan.run();
              norm = plan.output("norm").item();
            } else {
              try (TensorScope _ = TensorScope.open()) {
                Tensor in = engine.tensor(x, 2, 37);
                norm = updates.step(gradients(engine, updates, p, in), at);
              }
            }
            assertEquals(good, Double.isFinite(norm), "step " + s);
            List<double[]> after = contents(p, updates);
            if (good) {
              assertFalse(java.util.Arrays.equals(before.getFirst(), after.getFirst()));
              after.forEach(v -> assertTrue(java.util.Arrays.stream(v).allMatch(Double::isFinite)));
            } else {
              same(before, after);
            }
            before = after;
          }
        }
      }
    }
  }

  /** Moves each parameter by its gradient as the optimiser saw it. */
  private record Plain() implements Optimizer {
    @Override
    public int scalars() {
      return 1;
    }

    @Override
    public void scalars(StepContext at, double[] into) {
      into[0] = at.rate();
    }

    @Override
    public void update(ParameterUpdate u) {
      u.assign(u.parameter().sub(u.gradient().mul(u.scalar(0))));
    }
  }

  private double[] moved(UnaryOperator<ParameterUpdates.Builder> how, double scale, double... g) {
    try (Engine engine = Engine.builder().kernels().threads(1).build()) {
      Buffer a = buffer(engine, "a", engine.full(ScalarType.F64, 0, 2));
      Buffer b = buffer(engine, "b", engine.full(ScalarType.F32, 0, 1));
      Map<String, Buffer> p = Map.of("a", a, "b", b);
      try (ParameterUpdates updates =
          how.apply(ParameterUpdates.of(engine, new Plain(), p)).build()) {
        Map<String, Tensor> gradients =
            Map.of(
                "a", engine.tensor(new double[] {g[0], g[1]}),
                "b", engine.tensor(new float[] {(float) g[2]}));
        double norm = updates.step(gradients, new StepSettings(1, 1, Double.NaN, scale));
        double[] all = new double[] {0, 0, b.value().toDoubles()[0], norm};
        System.arraycopy(a.value().toDoubles(), 0, all, 0, 2);
        return all;
      }
    }
  }

  @Test
  void clipsByNormOverAllParameters() {
    double by = 1 / (13 + 1e-6);
    double[] expected = {-3 * by, -4 * by, -12 * by, 13};
    double[] actual = moved(b -> b.clipping(GradientClipping.byNorm(1)), 1, 3, 4, 12);
    assertArrayEquals(expected, actual, 1e-7);
    assertEquals(expected[0], actual[0], 1e-15, "F64 is clipped in F64");
    double[] small = moved(b -> b.clipping(GradientClipping.byNorm(20)), 1, 3, 4, 12);
    assertArrayEquals(new double[] {-3, -4, -12, 13}, small, 0);
  }

  @Test
  void clipsByValue() {
    double[] actual = moved(b -> b.clipping(GradientClipping.byValue(3.5)), 1, 3, -4, 12);
    assertArrayEquals(new double[] {-3, 3.5, -3.5, 13}, actual, 0);
  }

  @Test
  void undoesLossScalingBeforeClipping() {
    double[] scaled = moved(ParameterUpdates.Builder::lossScaling, 4, 12, 16, 48);
    assertArrayEquals(new double[] {-3, -4, -12, 13}, scaled, 0);
    double[] byValue =
        moved(b -> b.lossScaling().clipping(GradientClipping.byValue(3.5)), 4, 12, -16, 48);
    assertArrayEquals(new double[] {-3, 3.5, -3.5, 13}, byValue, 0);
    String message =
        assertThrows(OptimizerException.class, () -> moved(b -> b, 4, 1, 1, 1)).getMessage();
    assertTrue(message.contains("lossScaling()"), message);
  }

  @Test
  void groupsHaveTheirOwnRateAndDecay() {
    List<ParameterGroup> groups =
        List.of(
            new ParameterGroup("slow", (n, _) -> n.equals("a"), 0.25, Double.NaN),
            new ParameterGroup("rest", (_, _) -> true, 1, 0));
    assertArrayEquals(
        new double[] {-0.75, -1, -12, 13}, moved(b -> b.groups(groups), 1, 3, 4, 12), 0);
    try (Engine engine = Engine.builder().kernels().threads(1).build()) {
      Buffer w = buffer(engine, "w", engine.full(ScalarType.F64, 1, 2, 2));
      Buffer n = buffer(engine, "n", engine.full(ScalarType.F64, 1, 2));
      Map<String, Buffer> p = Map.of("w", w, "n", n);
      try (ParameterUpdates u =
          ParameterUpdates.of(engine, new AdamW(0.9, 0.99, 1e-8, 0.5, false), p).build()) {
        Map<String, Tensor> zero = Map.of("w", w.value().fullLike(0), "n", n.value().fullLike(0));
        assertEquals(0, u.step(zero, new StepSettings(1, 0.1)));
        assertArrayEquals(new double[] {0.95, 0.95, 0.95, 0.95}, w.value().toDoubles(), 1e-15);
        assertArrayEquals(new double[] {1, 1}, n.value().toDoubles(), 0, "norms don't decay");
      }
    }
  }

  @Test
  void accumulatesMicroBatches() {
    try (Engine engine = Engine.builder().kernels().threads(1).build()) {
      Buffer a = buffer(engine, "a", engine.full(ScalarType.F64, 0, 2));
      Map<String, Buffer> p = Map.of("a", a);
      try (ParameterUpdates u = ParameterUpdates.of(engine, new Plain(), p).build();
          GradientAccumulator sums = new GradientAccumulator(engine, p)) {
        for (int round = 1; round <= 2; round++) {
          sums.add(Map.of("a", engine.tensor(new double[] {1, 2})));
          sums.add(Map.of("a", engine.tensor(new double[] {2, 2})));
          assertEquals(5, u.step(sums.gradients(), new StepSettings(round, 1)));
          sums.clear();
          assertArrayEquals(new double[] {-3.0 * round, -4.0 * round}, a.value().toDoubles(), 0);
        }
        OptimizerException e =
            assertThrows(
                OptimizerException.class,
                () -> sums.add(Map.of("x", engine.tensor(new double[] {1}))));
        assertTrue(e.getMessage().contains("'x'"), e.getMessage());
      }
    }
  }

  @Test
  void schedulesMoveMomentum() {
    try (Engine engine = Engine.builder().kernels().threads(1).build()) {
      Buffer a = buffer(engine, "a", engine.full(ScalarType.F64, 0, 1));
      Map<String, Buffer> p = Map.of("a", a);
      Map<String, Tensor> g = Map.of("a", engine.tensor(new double[] {1}));
      try (ParameterUpdates u =
          ParameterUpdates.of(engine, new Sgd(0.9, 0, false, 0), p).movingMomentum().build()) {
        u.step(g, new StepSettings(1, 1, 0.5, 1));
        u.step(g, new StepSettings(2, 1, 0.5, 1));
        assertEquals(-2.5, a.value().item(), 1e-15);
        u.step(g, new StepSettings(3, 1));
        assertEquals(-2.5 - 2.35, a.value().item(), 1e-15);
      }
    }
  }

  /** The fused operation against elementary ones, which moving momentum asks for. */
  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"F32", "F64"})
  void fusedAndElementaryAdamWAgree(ScalarType type) {
    Optimizer rule = new AdamW(0.9, 0.95, 1e-8, 0.1, false);
    try (Engine engine = Engine.builder().threads(2).build()) {
      List<Map<String, Buffer>> moved = new ArrayList<>();
      for (boolean fused : new boolean[] {true, false}) {
        Map<String, Buffer> p = parameters(engine, type);
        moved.add(p);
        ParameterUpdates.Builder builder =
            ParameterUpdates.of(engine, rule, p).clipping(GradientClipping.byNorm(0.5));
        try (ParameterUpdates u = (fused ? builder : builder.movingMomentum()).build();
            Plan plan =
                engine.record(
                    "step",
                    r -> {
                      Map<String, Tensor> g = new LinkedHashMap<>();
                      p.forEach((n, b) -> g.put(n, b.value().mul(b.value()).add(b.value())));
                      r.output("norm", u.apply(g, r.slot("n", u.numbers())));
                    })) {
          assertEquals(fused, plan.explain().contains("adamW "), plan.explain());
          for (int s = 1; s <= 12; s++) {
            u.set(plan.slot("n"), new StepSettings(s, 0.01));
            plan.run();
          }
        }
      }
      double limit = type == ScalarType.F64 ? 1e-14 : 2e-6;
      for (String name : List.of("w", "b")) {
        double[] fused = moved.get(0).get(name).value().toDoubles();
        assertArrayEquals(moved.get(1).get(name).value().toDoubles(), fused, limit);
      }
    }
  }

  @Test
  void stateIsNamedAfterItsParameter() {
    try (Engine engine = Engine.builder().kernels().threads(1).build()) {
      Buffer w = buffer(engine, "w", engine.zeros(3, 4));
      Map<String, Buffer> p = Map.of("h.0.w", w);
      try (ParameterUpdates u =
          ParameterUpdates.of(engine, new AdamW(0.9, 0.99, 1e-8, 0, false), p).build()) {
        assertEquals(List.of("h.0.w/m", "h.0.w/v"), List.copyOf(u.state().keySet()));
      }
      try (ParameterUpdates u =
          ParameterUpdates.of(engine, Optimizers.of("adafactor", Map.of()), p).build()) {
        assertEquals(TensorSpec.of(ScalarType.F32, 3), u.state().get("h.0.w/row").spec());
        assertEquals(TensorSpec.of(ScalarType.F32, 4), u.state().get("h.0.w/column").spec());
      }
    }
  }

  private static void refuses(Class<? extends QuernException> type, String word, Runnable code) {
    String message = assertThrows(type, code::run).getMessage();
    assertTrue(message.contains(word), message);
  }

  @Test
  void refusesWhatItCantUpdate() {
    try (Engine engine = Engine.builder().kernels().threads(1).build()) {
      Buffer half = buffer(engine, "h", engine.zeros(2).cast(ScalarType.BF16));
      Buffer w = buffer(engine, "w", engine.zeros(2));
      Optimizer rule = new Plain();
      refuses(
          DTypeException.class,
          "Precision.BF16",
          () -> ParameterUpdates.of(engine, rule, Map.of("h", half)).build());
      refuses(
          OptimizerException.class,
          "no parameters",
          () -> ParameterUpdates.of(engine, rule, Map.of()).build());
      refuses(
          OptimizerException.class,
          "'w' [2] F32",
          () -> ParameterUpdates.of(engine, rule, Map.of("w", w)).groups(List.of()).build());
      try (ParameterUpdates u = ParameterUpdates.of(engine, rule, Map.of("w", w)).build()) {
        StepSettings at = new StepSettings(1, 1);
        refuses(OptimizerException.class, "'w'", () -> u.step(Map.of(), at));
        Tensor g = engine.zeros(2);
        refuses(OptimizerException.class, "'v'", () -> u.step(Map.of("v", g, "w", g), at));
        refuses(ShapeException.class, "'w'", () -> u.step(Map.of("w", engine.zeros(3)), at));
        refuses(DTypeException.class, "'w'", () -> u.step(Map.of("w", g.cast(ScalarType.F64)), at));
        refuses(ShapeException.class, "numbers", () -> u.apply(Map.of("w", g), g));
        StepSettings moved = new StepSettings(1, 1, 0.5, 1);
        refuses(OptimizerException.class, "movingMomentum()", () -> u.step(Map.of("w", g), moved));
      }
      refuses(OptimizerException.class, "step 1", () -> new StepSettings(0, 1));
      refuses(OptimizerException.class, "rate", () -> new StepSettings(1, Double.NaN));
    }
  }

  @Test
  void namesAndSettingsAreChecked() {
    refuses(OptimizerException.class, "adamw, adagrad", () -> Optimizers.of("sdg", Map.of()));
    refuses(
        OptimizerException.class,
        "dampening, momentum, nesterov",
        () -> Optimizers.of("sgd", Map.of("momentun", 0.9)));
    refuses(OptimizerException.class, "beta1", () -> Optimizers.of("adamw", Map.of("beta1", 1.0)));
    refuses(
        OptimizerException.class,
        "0 or 1",
        () -> Optimizers.of("rmsprop", Map.of("centered", 0.5)));
    refuses(
        OptimizerException.class, "nesterov", () -> Optimizers.of("sgd", Map.of("nesterov", 1.0)));
    assertEquals(
        new AdamW(0.9, 0.95, 1e-8, 0.1, false),
        Optimizers.of("adamw", Map.of("beta2", 0.95, "weight_decay", 0.1)));
  }
}

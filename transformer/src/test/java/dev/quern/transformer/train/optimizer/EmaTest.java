package dev.quern.transformer.train.optimizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Buffer;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EmaTest {
  private final Engine engine = Engine.builder().kernels().threads(1).build();

  private Buffer buffer(double... values) {
    Buffer b = engine.buffer("p", TensorSpec.of(ScalarType.F64, values.length));
    b.assign(engine.tensor(values));
    return b;
  }

  @Test
  void followsTheParameters() {
    try (Buffer p = buffer(1, -2);
        Ema ema = new Ema(engine, Map.of("p", p), 0.75, false)) {
      assertEquals(List.of("p/ema"), List.copyOf(ema.state().keySet()));
      p.assign(engine.tensor(new double[] {5, 2}));
      ema.update(1);
      p.assign(engine.tensor(new double[] {0, 0}));
      ema.update(2);
      double[] average = ema.state().get("p/ema").value().toDoubles();
      assertArrayEquals(new double[] {1.5, -0.75}, average, 1e-15);
    }
  }

  @Test
  void warmsUp() {
    try (Buffer p = buffer(0);
        Ema ema = new Ema(engine, Map.of("p", p), 0.99, true)) {
      assertEquals(1 - 2.0 / 11, ema.weight(1), 1e-15);
      assertEquals(1 - 101.0 / 110, ema.weight(100), 1e-15);
      assertEquals(1 - 0.99, ema.weight(10_000), 1e-15);
    }
  }

  @Test
  void aPlanGivesTheEagerBits() {
    try (Buffer p = buffer(0.1, 0.7);
        Buffer q = buffer(0.1, 0.7);
        Ema eager = new Ema(engine, Map.of("p", p), 0.9, true);
        Ema recorded = new Ema(engine, Map.of("p", q), 0.9, true);
        Plan plan =
            engine.record(
                "ema", r -> recorded.update(r.slot("weight", TensorSpec.of(ScalarType.F64))))) {
      for (int i = 1; i < 9; i++) {
        p.assign(engine.tensor(new double[] {1.0 / i, i / 3.0}));
        q.assign(p.value());
        eager.update(i);
        plan.slot("weight").set(new double[] {recorded.weight(i)});
        plan.run();
      }
      assertArrayEquals(
          eager.state().get("p/ema").value().toDoubles(),
          recorded.state().get("p/ema").value().toDoubles(),
          0);
    }
  }

  @Test
  void swapsInForEvaluation() {
    try (Buffer p = buffer(-0.0, 3);
        Ema ema = new Ema(engine, Map.of("p", p), 0.5, false)) {
      p.assign(engine.tensor(new double[] {-0.0, 5}));
      ema.update(1);
      try (Ema.Swap _ = ema.swapIn()) {
        assertArrayEquals(new double[] {0, 4}, p.value().toDoubles(), 0);
        assertThrows(OptimizerException.class, ema::swapIn);
      }
      assertEquals(
          Double.doubleToRawLongBits(-0.0),
          Double.doubleToRawLongBits(p.value().toDoubles()[0]),
          "bits come back");
      assertEquals(5, p.value().toDoubles()[1]);
      assertEquals(4, ema.state().get("p/ema").value().toDoubles()[1]);
    }
  }

  @Test
  void refusesADecayOfOne() {
    assertThrows(OptimizerException.class, () -> new Ema(engine, Map.of(), 1, false));
  }
}

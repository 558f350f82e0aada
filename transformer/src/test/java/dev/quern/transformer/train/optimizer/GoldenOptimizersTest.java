package dev.quern.transformer.train.optimizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.Golden;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Every optimiser by name, in F64 and in F32, against PyTorch's, transformers' and numpy's. */
class GoldenOptimizersTest {
  private final Engine engine = Engine.create();
  private final JsonNode golden = Golden.json(Golden.of("training/optimizers.json"));

  @TestFactory
  Stream<DynamicTest> agreeWithTheirOriginals() {
    List<DynamicTest> tests = new ArrayList<>();
    TreeSet<String> seen = new TreeSet<>();
    for (JsonNode c : golden.get("cases")) {
      seen.add(c.get("name").asText());
      String title = c.get("name").asText() + " " + c.get("settings") + c.get("note").asText();
      tests.add(DynamicTest.dynamicTest(title, () -> check(c, ScalarType.F64, 1e-12)));
      tests.add(DynamicTest.dynamicTest(title + " F32", () -> check(c, ScalarType.F32, 1e-5)));
    }
    assertEquals(new TreeSet<>(Optimizers.names()), seen);
    return tests.stream();
  }

  private void check(JsonNode c, ScalarType type, double limit) {
    Map<String, Double> settings = new LinkedHashMap<>();
    c.get("settings").properties().forEach(e -> settings.put(e.getKey(), e.getValue().asDouble()));
    Optimizer rule = Optimizers.of(c.get("name").asText(), settings);
    Map<String, Buffer> parameters = new LinkedHashMap<>();
    try (TensorScope _ = TensorScope.open()) {
      for (Map.Entry<String, JsonNode> p : golden.get("start").properties()) {
        Tensor values = tensor(p.getValue().get("values"), p.getKey(), type);
        Buffer b = engine.buffer(p.getKey(), TensorSpec.of(type, shape(p.getKey())));
        b.assign(values);
        parameters.put(p.getKey(), b);
      }
      try (ParameterUpdates updates =
          ParameterUpdates.of(engine, rule, parameters).groups(ParameterGroup.all()).build()) {
        int steps = golden.get("gradients").size();
        assertEquals(12, steps);
        int compared = 0;
        for (int t = 1; t <= steps; t++) {
          Map<String, Tensor> g = new LinkedHashMap<>();
          for (Map.Entry<String, JsonNode> e : golden.get("gradients").get(t - 1).properties()) {
            g.put(e.getKey(), tensor(e.getValue(), e.getKey(), type));
          }
          updates.step(g, new StepSettings(t, c.get("rate").asDouble()));
          JsonNode after = c.get("after").path(Integer.toString(t));
          for (Map.Entry<String, JsonNode> e : after.properties()) {
            double[] y = parameters.get(e.getKey()).value().toDoubles();
            for (int i = 0; i < y.length; i++) {
              double r = e.getValue().get(i).asDouble();
              assertEquals(
                  r, y[i], limit * (1 + Math.abs(r)), "step %d %s %d".formatted(t, e.getKey(), i));
              compared++;
            }
          }
        }
        assertTrue(compared == 4 * 28, "compared " + compared);
      }
    } finally {
      parameters.values().forEach(Buffer::close);
    }
  }

  private long[] shape(String name) {
    JsonNode dims = golden.get("start").get(name).get("shape");
    long[] shape = new long[dims.size()];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = dims.get(i).asLong();
    }
    return shape;
  }

  private Tensor tensor(JsonNode values, String name, ScalarType type) {
    double[] v = new double[values.size()];
    for (int i = 0; i < v.length; i++) {
      v[i] = values.get(i).asDouble();
    }
    return engine.tensor(v, shape(name)).cast(type);
  }
}

package dev.quern.transformer.train.loss;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.core.autograd.Gradients;
import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Golden;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Every loss by name, with its gradients, against PyTorch's in F64. */
class GoldenLossesTest {
  private static final double NEAR = 1e-12;

  private final Engine engine = Engine.create();

  @TestFactory
  Stream<DynamicTest> agreeWithTorch() {
    List<DynamicTest> tests = new ArrayList<>();
    TreeSet<String> seen = new TreeSet<>();
    for (JsonNode c : Golden.json(Golden.of("training/losses.json")).get("cases")) {
      seen.add(c.get("name").asText());
      String title =
          "%s %s %s"
              .formatted(c.get("name").asText(), c.get("settings"), c.get("reduction").asText());
      tests.add(DynamicTest.dynamicTest(title, () -> check(c)));
    }
    assertEquals(new TreeSet<>(Losses.names()), seen);
    return tests.stream();
  }

  private Tensor tensor(JsonNode array, boolean index) {
    long[] dims = new long[array.get("shape").size()];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = array.get("shape").get(i).asLong();
    }
    double[] v = values(array);
    // ids in F64 are exact
    Tensor t = dims.length == 0 ? engine.full(ScalarType.F64, v[0]) : engine.tensor(v, dims);
    return index ? t.cast(ScalarType.I32) : t;
  }

  private static double[] values(JsonNode array) {
    double[] v = new double[array.get("values").size()];
    for (int i = 0; i < v.length; i++) {
      v[i] = array.get("values").get(i).asDouble();
    }
    return v;
  }

  /** The named loss, with what settings can't say: reductions and tensors of weights. */
  private Criterion criterion(JsonNode c) {
    Map<String, Double> settings = new LinkedHashMap<>();
    c.get("settings").properties().forEach(e -> settings.put(e.getKey(), e.getValue().asDouble()));
    Criterion named = Losses.of(c.get("name").asText(), settings);
    Reduction r = Reduction.valueOf(c.get("reduction").asText().toUpperCase(Locale.ROOT));
    Tensor weights = c.has("weights") ? tensor(c.get("weights"), false) : null;
    return switch (named) {
      case CrossEntropy e -> new CrossEntropy(e.ignoreIndex(), e.labelSmoothing(), r, weights);
      case BinaryCrossEntropy _ -> new BinaryCrossEntropy(weights, r);
      case MeanSquared _ -> new MeanSquared(r);
      case AbsoluteError _ -> new AbsoluteError(r);
      case SmoothL1 s -> new SmoothL1(s.beta(), r);
      case KlDivergence k -> new KlDivergence(k.logTarget(), r);
      default -> named;
    };
  }

  private static void near(JsonNode expected, Tensor actual) {
    double[] r = values(expected);
    double[] y = actual.toDoubles();
    assertEquals(r.length, y.length);
    for (int i = 0; i < r.length; i++) {
      assertEquals(r[i], y[i], NEAR * (1 + Math.abs(r[i])), "element " + i);
    }
  }

  private void check(JsonNode c) {
    boolean index = c.get("name").asText().matches("cross_entropy|.*_lm");
    try (TensorScope _ = TensorScope.open();
        Tape tape = engine.tape()) {
      Tensor x = tensor(c.get("prediction"), false);
      Tensor y = tensor(c.get("target"), index);
      tape.watch(x);
      if (c.has("target_gradient")) {
        tape.watch(y);
      }
      Loss loss = criterion(c).on("out", "labels");
      Tensor value = loss.of(Map.of("out", x), Map.of("labels", y));
      near(c.get("loss"), value);
      Gradients g = tape.backward(value, tensor(c.get("upstream"), false));
      near(c.get("gradient"), g.of(x));
      if (c.has("target_gradient")) {
        near(c.get("target_gradient"), g.of(y));
      }
    }
  }

  @Test
  void plansGiveTheEagerBits() {
    for (JsonNode c : Golden.json(Golden.of("training/losses.json")).get("cases")) {
      boolean index = c.get("name").asText().matches("cross_entropy|.*_lm");
      try (TensorScope _ = TensorScope.open()) {
        Criterion criterion = criterion(c);
        Tensor x = tensor(c.get("prediction"), false).cast(ScalarType.F32);
        Tensor y = tensor(c.get("target"), index);
        y = index ? y : y.cast(ScalarType.F32);
        if (c.has("weights")) {
          continue; // they are F64
        }
        float[] eager = criterion.of(x, y).toFloats();
        Tensor target = y;
        try (Plan plan =
            engine.record(
                "loss", r -> r.output("loss", criterion.of(r.slot("x", x.spec()), target)))) {
          plan.slot("x").set(x.toFloats());
          plan.run();
          assertArrayEquals(eager, plan.output("loss").toFloats(), 0, c.get("name").asText());
        }
      }
    }
  }
}

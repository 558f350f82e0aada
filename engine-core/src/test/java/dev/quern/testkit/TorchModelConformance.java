package dev.quern.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.autograd.Gradients;
import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.npy.NpyArray;
import dev.quern.core.io.npy.NpzFile;
import dev.quern.core.io.safetensors.SafetensorsFile;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Loss, logits and the gradients of all parameters of whole models against PyTorch's. A backend
 * extends this class and supplies engines.
 */
public abstract class TorchModelConformance {
  private final Engine engine;
  private final List<String> precisions;

  /**
   * The models in given precisions.
   *
   * @param engine what computes them
   * @param precisions as the data calls them: {@code float64}, {@code float32}, {@code
   *     bf16_autocast}
   */
  protected TorchModelConformance(Engine engine, String... precisions) {
    this.engine = engine;
    this.precisions = List.of(precisions);
  }

  /**
   * One test per model and precision.
   *
   * @return the tests
   * @throws IOException if the data can't be listed
   */
  @TestFactory
  final Stream<DynamicTest> gradients() throws IOException {
    Path folder = ConformanceData.path("training/models");
    List<Path> models;
    try (Stream<Path> list = Files.list(folder)) {
      models = list.sorted().toList();
    }
    return models.stream()
        .filter(m -> isKnown(m.getFileName().toString()))
        .flatMap(this::precisions);
  }

  private static boolean isKnown(String model) {
    boolean known = TorchModel.LOGITS.containsKey(model);
    if (!known) {
      SkippedCases.record("TorchModelConformance", 1, "model " + model + " is not written here");
    }
    return known;
  }

  private Stream<DynamicTest> precisions(Path folder) {
    JsonNode json;
    try {
      json = new ObjectMapper().readTree(folder.resolve("model.json").toFile());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return precisions.stream()
        .flatMap(
            precision -> {
              for (JsonNode base : json.get("base")) {
                if (base.get("precision").asText().equals(precision)) {
                  String name = folder.getFileName() + " " + precision;
                  return Stream.of(DynamicTest.dynamicTest(name, () -> check(folder, json, base)));
                }
              }
              return Stream.empty();
            });
  }

  private Map<String, Tensor> tensors(SafetensorsFile file) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    file.tensors().keySet().forEach(n -> all.put(n, engine.wrap(file.storage(n), file.spec(n))));
    return all;
  }

  private Map<String, Tensor> arrays(Path path) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    try (NpzFile npz = NpzFile.open(path)) {
      for (String n : npz.names()) {
        NpyArray a = npz.read(n);
        all.put(n, engine.tensor(a.spec(), a.data()));
      }
    }
    return all;
  }

  private void check(Path folder, JsonNode json, JsonNode base) {
    boolean wide = base.get("precision").asText().equals("float64");
    ScalarType type = wide ? ScalarType.F64 : ScalarType.F32;
    String model = json.get("model").asText();
    try (SafetensorsFile init = SafetensorsFile.open(folder.resolve(json.get("init").asText()));
        SafetensorsFile grads = SafetensorsFile.open(folder.resolve(base.get("grads").asText()));
        TensorScope _ = TensorScope.open();
        Tape tape = engine.tape()) {
      Map<String, Tensor> parameters = new LinkedHashMap<>();
      tensors(init).forEach((n, t) -> parameters.put(n, t.cast(type)));
      tape.watch(parameters.values().toArray(Tensor[]::new));
      Map<String, Tensor> batch = arrays(folder.resolve("batch.npz"));
      TorchModel m = new TorchModel(engine, json.get("config"), parameters, batch);
      Tensor logits = TorchModel.LOGITS.get(model).apply(m);
      Tensor loss = logits.crossEntropy(batch.get("targets"));
      double[] expected =
          arrays(folder.resolve(base.get("logits").asText())).get("logits").toDoubles();
      JsonNode limits = base.get("tolerance");
      double atol = wide ? limits.get("atol").asDouble() : limits.get("logits_max_abs").asDouble();
      near("logits", expected, logits.toDoubles(), atol, wide ? atol : 0);
      double lossLimit = wide ? atol : limits.get("loss_abs").asDouble();
      assertEquals(base.get("loss").asDouble(), loss.item(), lossLimit);
      Gradients g = tape.backward(loss);
      Map<String, Tensor> wanted = tensors(grads);
      assertEquals(wanted.keySet(), parameters.keySet());
      for (Map.Entry<String, Tensor> w : wanted.entrySet()) {
        double[] r = w.getValue().toDoubles();
        double[] y = g.of(parameters.get(w.getKey())).toDoubles();
        if (wide) {
          near(w.getKey(), r, y, atol, limits.get("rtol").asDouble());
        } else {
          double limit = limits.get("grad_relative_l2").asDouble();
          assertTrue(relative(r, y) <= limit, w.getKey() + " is off by " + relative(r, y));
        }
      }
    }
  }

  private static void near(String what, double[] r, double[] y, double atol, double rtol) {
    assertEquals(r.length, y.length);
    for (int i = 0; i < r.length; i++) {
      assertEquals(r[i], y[i], atol + rtol * Math.abs(r[i]), what + " [" + i + "]");
    }
  }

  private static double relative(double[] r, double[] y) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < r.length; i++) {
      difference += (y[i] - r[i]) * (y[i] - r[i]);
      size += r[i] * r[i];
    }
    return Math.sqrt(difference / size);
  }
}

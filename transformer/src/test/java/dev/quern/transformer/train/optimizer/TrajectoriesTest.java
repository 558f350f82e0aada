package dev.quern.transformer.train.optimizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.npy.NpyArray;
import dev.quern.core.io.npy.NpzFile;
import dev.quern.core.io.safetensors.SafetensorsFile;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.plan.Recording;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.testkit.SkippedCases;
import dev.quern.testkit.TorchModel;
import dev.quern.transformer.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Whole models trained for 20 steps by a recorded step, against PyTorch's trajectories. */
class TrajectoriesTest {

  @TestFactory
  Stream<DynamicTest> agreeWithTorch() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    List<Path> folders;
    try (Stream<Path> list = Files.list(Golden.outside("training/models"))) {
      folders = list.sorted().toList();
    }
    for (Path folder : folders) {
      JsonNode model = Golden.json(folder.resolve("model.json"));
      String name = model.get("model").asText();
      if (!TorchModel.LOGITS.containsKey(name)) {
        SkippedCases.record("TrajectoriesTest", 1, "model " + name + " is not written here");
        continue;
      }
      for (JsonNode run : model.get("runs")) {
        String title = name + " " + run.get("name").asText();
        tests.add(DynamicTest.dynamicTest(title, () -> new Run(folder, model, run).check()));
      }
    }
    assertFalse(folders.isEmpty(), "there are no models");
    return tests.stream();
  }

  /** The optimiser that PyTorch's settings describe. */
  private static Optimizer optimizer(JsonNode s) {
    double decay = s.path("weight_decay").asDouble();
    double eps = s.path("eps").asDouble();
    double beta1 = s.path("betas").path(0).asDouble();
    double beta2 = s.path("betas").path(1).asDouble();
    boolean amsgrad = s.path("amsgrad").asBoolean();
    double momentum = s.path("momentum").asDouble();
    return switch (s.get("optimizer").asText()) {
      case "SGD" ->
          new Sgd(momentum, s.get("dampening").asDouble(), s.get("nesterov").asBoolean(), decay);
      case "Adam" -> new Adam(beta1, beta2, eps, decay, amsgrad);
      case "AdamW" -> new AdamW(beta1, beta2, eps, decay, amsgrad);
      case "Adagrad" ->
          new Adagrad(
              s.path("lr_decay").asDouble(),
              s.path("initial_accumulator_value").asDouble(),
              eps,
              decay);
      case "RMSprop" ->
          new RmsProp(
              s.get("alpha").asDouble(), eps, momentum, s.path("centered").asBoolean(), decay);
      default -> throw new AssertionError("unknown optimiser " + s);
    };
  }

  /** One run of one model. */
  private static final class Run {
    final Path folder;
    final JsonNode model;
    final JsonNode run;
    final JsonNode settings;
    final JsonNode limits;
    final boolean wide;
    final ScalarType type;
    final Engine engine;
    final Map<String, Buffer> parameters = new LinkedHashMap<>();
    final Map<String, Tensor> batch = new LinkedHashMap<>();

    Run(Path folder, JsonNode model, JsonNode run) {
      this.folder = folder;
      this.model = model;
      this.run = run;
      settings = run.get("optimizer");
      limits = run.get("tolerance");
      String precision = run.get("precision").asText();
      wide = precision.equals("float64");
      type = wide ? ScalarType.F64 : ScalarType.F32;
      engine =
          Engine.builder()
              .precision(precision.startsWith("bf16") ? Precision.BF16 : Precision.EXACT)
              .build();
    }

    void check() {
      try (TensorScope _ = TensorScope.open();
          SafetensorsFile init = SafetensorsFile.open(folder.resolve(model.get("init").asText()))) {
        for (String name : init.tensors().keySet()) {
          TensorSpec spec = init.spec(name);
          Buffer b = engine.buffer(name, spec.as(type));
          b.assign(engine.wrap(init.storage(name), spec).cast(type));
          parameters.put(name, b);
        }
        try (NpzFile npz = NpzFile.open(folder.resolve("batch.npz"))) {
          for (String n : npz.names()) {
            NpyArray a = npz.read(n);
            batch.put(n, engine.tensor(a.spec(), a.data()));
          }
        }
        boolean apart = settings.has("weight_decay_for_1d_parameters");
        ParameterUpdates.Builder builder =
            ParameterUpdates.of(engine, optimizer(settings), parameters)
                .groups(apart ? ParameterGroup.usual() : ParameterGroup.all());
        if (run.has("clip_grad_norm")) {
          builder.clipping(GradientClipping.byNorm(run.get("clip_grad_norm").asDouble()));
        }
        try (ParameterUpdates updates = builder.build();
            GradientAccumulator sums = new GradientAccumulator(engine, parameters);
            Plan plan = engine.record("step", r -> record(r, updates, sums))) {
          train(updates, plan);
        }
        lossIs("loss_after", run.get("loss_after").asDouble(), loss(batch).item());
        weights();
      } finally {
        parameters.values().forEach(Buffer::close);
      }
    }

    private Tensor loss(Map<String, Tensor> rows) {
      Map<String, Tensor> values = new LinkedHashMap<>();
      parameters.forEach((n, b) -> values.put(n, b.value()));
      TorchModel m = new TorchModel(engine, model.get("config"), values, rows);
      return TorchModel.LOGITS
          .get(model.get("model").asText())
          .apply(m)
          .crossEntropy(rows.get("targets"));
    }

    private void record(Recording r, ParameterUpdates updates, GradientAccumulator sums) {
      Tensor numbers = r.slot("numbers", updates.numbers());
      JsonNode parts = run.path("micro_batches");
      if (parts.isEmpty()) {
        try (Tape tape = watching()) {
          Tensor loss = loss(batch);
          r.output("norm", updates.apply(updates.of(tape.backward(loss)), numbers));
          r.output("loss", loss);
        }
        return;
      }
      Tensor total = engine.full(type, 0);
      for (JsonNode part : parts) {
        Map<String, Tensor> rows = new LinkedHashMap<>();
        long from = part.get(0).asLong();
        batch.forEach((n, t) -> rows.put(n, t.slice(0, from, part.get(1).asLong() - from)));
        try (Tape tape = watching()) {
          Tensor loss = loss(rows).div((double) parts.size());
          sums.add(updates.of(tape.backward(loss)));
          total = total.add(loss);
        }
      }
      r.output("norm", updates.apply(sums.gradients(), numbers));
      sums.clear();
      r.output("loss", total);
    }

    private Tape watching() {
      Tape tape = engine.tape();
      tape.watch(parameters.values().toArray(Buffer[]::new));
      return tape;
    }

    private void train(ParameterUpdates updates, Plan plan) {
      int steps = run.get("steps").asInt();
      assertEquals(20, steps);
      for (int s = 0; s < steps; s++) {
        double rate = run.has("lrs") ? run.get("lrs").get(s).asDouble() : rate();
        updates.set(plan.slot("numbers"), new StepSettings(s + 1, rate));
        plan.run();
        lossIs("loss " + s, run.get("losses").get(s).asDouble(), plan.output("loss").item());
        double norm = run.get("grad_norms").get(s).asDouble();
        double limit = wide ? limit(norm) : (isRounded() ? 0.1 : 1e-3) * norm;
        assertEquals(norm, plan.output("norm").item(), limit, "norm " + s);
      }
    }

    private boolean isRounded() {
      return engine.precision() == Precision.BF16;
    }

    private double rate() {
      return settings.get("lr").asDouble();
    }

    private double limit(double expected) {
      return limits.get("atol").asDouble() + limits.get("rtol").asDouble() * Math.abs(expected);
    }

    private void lossIs(String what, double expected, double actual) {
      double limit = wide ? limit(expected) : limits.get("loss_abs").asDouble();
      assertEquals(expected, actual, limit, what);
    }

    private void weights() {
      try (SafetensorsFile last = SafetensorsFile.open(folder.resolve(run.get("final").asText()))) {
        assertEquals(last.tensors().keySet(), parameters.keySet());
        for (String name : parameters.keySet()) {
          double[] r = engine.wrap(last.storage(name), last.spec(name)).toDoubles();
          double[] y = parameters.get(name).value().toDoubles();
          assertEquals(r.length, y.length, name);
          double difference = 0;
          double size = 0;
          for (int i = 0; i < r.length; i++) {
            double far = Math.abs(y[i] - r[i]);
            double limit = wide ? limit(r[i]) : limits.get("weights_max_abs").asDouble();
            if (limits.has("atol_zero_gradient_slices") && isNoise(name, i)) {
              limit = limits.get("atol_zero_gradient_slices").asDouble();
            }
            assertTrue(far <= limit, name + " [" + i + "]: " + y[i] + " not " + r[i]);
            difference += far * far;
            size += r[i] * r[i];
          }
          if (!wide) {
            double limit = limits.get("weights_relative_l2").asDouble();
            assertTrue(Math.sqrt(difference / size) <= limit, name);
          }
        }
      }
    }

    private boolean isNoise(String name, int i) {
      for (JsonNode s : model.path("zero_gradient_in_exact_arithmetic")) {
        if (s.get("parameter").asText().equals(name)) {
          return i >= s.get("slice").get(0).asInt() && i < s.get("slice").get(1).asInt();
        }
      }
      return false;
    }
  }
}

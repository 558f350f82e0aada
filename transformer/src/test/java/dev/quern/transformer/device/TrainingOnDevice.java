package dev.quern.transformer.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.Device;
import dev.quern.core.type.Precision;
import dev.quern.transformer.Engines;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.OrderedWindows;
import dev.quern.transformer.data.RandomWindows;
import dev.quern.transformer.data.TokenSequence;
import dev.quern.transformer.families.ModelShape;
import dev.quern.transformer.families.NewModel;
import dev.quern.transformer.families.WeightInitializer;
import dev.quern.transformer.train.FamilyModel;
import dev.quern.transformer.train.LanguageModelEvaluation;
import dev.quern.transformer.train.RunCheckpoints;
import dev.quern.transformer.train.TrainableModel;
import dev.quern.transformer.train.Trainer;
import dev.quern.transformer.train.TrainingOptions;
import dev.quern.transformer.train.log.EvaluationReport;
import dev.quern.transformer.train.log.StepReport;
import dev.quern.transformer.train.log.TrainingListener;
import dev.quern.transformer.train.loss.CrossEntropy;
import dev.quern.transformer.train.loss.Loss;
import dev.quern.transformer.train.optimizer.AdamW;
import dev.quern.transformer.train.optimizer.GradientClipping;
import dev.quern.transformer.train.optimizer.ParameterUpdates;
import dev.quern.transformer.train.schedule.Constant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The same training code on the processor and on a CUDA device. */
abstract class TrainingOnDevice {
  private static final int VOCABULARY = 13;
  private static final int CONTEXT = 12;
  private static final int STEPS = 8;
  private static final Loss LOSS = new CrossEntropy().on(TrainableModel.LOGITS, Batch.LABELS);

  @TempDir private Path folder;

  /** What a run leaves. */
  private record Outcome(List<Double> losses, Map<String, float[]> weights) {}

  private static TokenSequence corpus() {
    int[] ids = new int[300];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = i % 11 == 0 ? i / 11 % VOCABULARY : i * 5 % VOCABULARY;
    }
    return TokenSequence.of(ids);
  }

  private Path model(Engine engine, String family) {
    Path to = folder.resolve(family);
    ModelShape shape =
        new ModelShape(
            VOCABULARY, 16, 2, 2, 2, 32, CONTEXT, true, ModelShape.Head.TOKENS, List.of());
    NewModel.write(engine, to, family, shape, WeightInitializer.normal(0.1, 4), 3);
    return to;
  }

  private static Engine cpu() {
    return Engines.of("reference", Precision.AUTO);
  }

  /** An engine on the device. */
  abstract Engine engine(Engine.Builder builder);

  private Engine cuda() {
    return engine(Engine.builder());
  }

  private Outcome run(Engine engine, Path from, String checkpoints, int steps) {
    TrainingOptions options =
        new TrainingOptions(steps)
            .withDropout(0.1, 9)
            .withEvaluateEvery(4)
            .withCheckpointEvery(4, 2);
    try (engine;
        FamilyModel model = FamilyModel.open(engine, from);
        ParameterUpdates updates =
            ParameterUpdates.of(engine, new AdamW(0.9, 0.99, 1e-8, 0.1, false), model.parameters())
                .clipping(GradientClipping.byNorm(1))
                .skippingNonFinite()
                .build();
        Trainer trainer =
            new Trainer(
                engine,
                model,
                LOSS,
                updates,
                new Constant(0.01),
                new RandomWindows(corpus(), CONTEXT, 3, 5),
                options)) {
      List<Double> losses = new ArrayList<>();
      trainer.listen(
          new TrainingListener() {
            @Override
            public void step(StepReport step) {
              losses.add(step.loss());
            }

            @Override
            public void evaluated(EvaluationReport evaluation) {
              losses.add(evaluation.metrics().get("loss"));
            }
          },
          "test",
          "",
          "");
      trainer.evaluate(
          new OrderedWindows(corpus(), CONTEXT, 8), new LanguageModelEvaluation(_ -> 1));
      RunCheckpoints to = new RunCheckpoints(folder.resolve(checkpoints));
      trainer.saveTo(to, "test");
      RunCheckpoints.Saved latest =
          to.latest(
              why -> {
                throw new AssertionError(why);
              });
      if (latest != null) {
        trainer.resume(latest);
      }
      trainer.run();
      Map<String, float[]> weights = new LinkedHashMap<>();
      model.parameters().forEach((n, b) -> weights.put(n, b.value().toFloats()));
      return new Outcome(losses, weights);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "llama"})
  void lossesAgreeWithTheCpuAndBitsWithAnotherRun(String family) {
    Path from = model(cpu(), family);
    Outcome here = run(cpu(), from, "cpu", STEPS);
    Outcome there = run(cuda(), from, "cuda", STEPS);
    assertTrue(here.losses.getLast() < here.losses.getFirst(), here.losses.toString());
    assertEquals(here.losses.size(), there.losses.size());
    for (int i = 0; i < here.losses.size(); i++) {
      assertEquals(here.losses.get(i), there.losses.get(i), 1e-4, "step " + i);
    }
    assertSame(there, run(cuda(), from, "again", STEPS));
    run(cuda(), from, "resumed", STEPS / 2);
    Path saved = folder.resolve("resumed/step-%08d".formatted(STEPS / 2));
    Outcome resumed = run(cuda(), saved, "resumed", STEPS);
    assertSame(new Outcome(resumed.losses, there.weights), resumed);
  }

  private static void assertSame(Outcome expected, Outcome actual) {
    assertEquals(expected.losses, actual.losses);
    assertEquals(expected.weights.keySet(), actual.weights.keySet());
    expected.weights.forEach((n, v) -> assertArrayEquals(v, actual.weights.get(n), n));
  }

  @Test
  void firstValuesDontDependOnTheDevice() throws IOException {
    Path here = model(cpu(), "llama").resolve("model.safetensors");
    byte[] expected = Files.readAllBytes(here);
    try (Engine engine = cuda()) {
      assertEquals(Device.cuda(0), engine.device());
      model(engine, "llama");
    }
    assertArrayEquals(expected, Files.readAllBytes(here));
  }
}

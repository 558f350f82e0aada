package dev.quern.transformer.train.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.transformer.model.ModelCard;
import dev.quern.transformer.train.TrainingException;
import dev.quern.transformer.train.config.Config;
import dev.quern.transformer.train.log.EvaluationReport;
import dev.quern.transformer.train.log.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which model a run leaves. */
class FinalModelTest {
  /**
   * The best step is none of the last: the rate rises until decay turns the weights' signs and,
   * from step 10 on, makes them larger with every step, whatever the gradients' rounding.
   */
  private static final String RUN =
      """
      output: %s
      steps: 24
      model: {family: gpt2, layers: 1, dim: 16, heads: 2}
      tokenizer: {kind: characters}
      data: {files: [%s], split: [0.8, 0.2, 0.0]}
      batch: {size: 4, context: 16}
      schedule: {name: constant, peak: 4.0, settings: {warmup: 200}}
      optimizer: {settings: {weight_decay: 10.0}}
      evaluate: {every: 2}
      log: {progress: false, tensorboard: false, report: false, csv: false, json: false}
      """;

  @TempDir private Path folder;
  private Path text;

  @BeforeEach
  void data() throws IOException {
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < 80; i++) {
      all.append("line ").append(i * i % 97).append(" of some\n");
    }
    text = Files.writeString(folder.resolve("text.txt"), all);
  }

  private Config config(String... overrides) throws IOException {
    Path file = folder.resolve("run.yaml");
    Files.writeString(file, RUN.formatted(folder.resolve("run"), text));
    return Config.read(file, TrainingKeys.schema(), List.of(overrides));
  }

  /** Trains, and collects the validation loss by step. */
  private static RunResult run(Config config, boolean resume, Map<Long, Double> losses) {
    return new TrainingRun(
            config,
            new TrainingListener() {
              @Override
              public void evaluated(EvaluationReport e) {
                losses.put(e.step(), e.metrics().get("loss"));
              }
            })
        .run(resume, _ -> {});
  }

  private static long best(Map<Long, Double> losses) {
    return losses.entrySet().stream().min(Map.Entry.comparingByValue()).orElseThrow().getKey();
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "0.9"})
  void theBestIsLeft(String average) throws IOException {
    Map<Long, Double> losses = new TreeMap<>();
    Config c = config("optimizer.average=" + average);
    RunResult r = run(c, false, losses);
    assertTrue(best(losses) < 20, losses.toString());
    assertTrue(r.best());
    assertEquals(best(losses), r.step());
    assertEquals(losses.get(r.step()), r.metrics().get("loss"));
    double judged =
        new TrainingRun(c, new TrainingListener() {})
            .evaluate("validation")
            .report(0, "validation")
            .metrics()
            .get("loss");
    assertEquals(losses.get(r.step()), judged, 1e-6);
    ModelCard card = ModelCard.fromJson(Files.readString(r.model().resolve(ModelCard.FILE_NAME)));
    assertEquals(losses.get(r.step()), card.metrics().get("loss"));
    assertTrue(card.details().get("checkpoint").startsWith("step " + r.step() + ","));
    // A run that goes on only to its end leaves the same one.
    byte[] before = Files.readAllBytes(r.model().resolve("model.safetensors"));
    assertEquals(r.step(), run(c, true, new TreeMap<>()).step());
    assertArrayEquals(before, Files.readAllBytes(r.model().resolve("model.safetensors")));
  }

  @Test
  void theLastIsLeftIfAskedFor() throws IOException {
    Map<Long, Double> losses = new TreeMap<>();
    RunResult r = run(config("checkpoint.model=last"), false, losses);
    assertEquals(24, r.step());
    assertEquals(losses.get(24L), r.metrics().get("loss"));
    assertArrayEquals(
        Files.readAllBytes(folder.resolve("run/checkpoints/step-00000024/model.safetensors")),
        Files.readAllBytes(folder.resolve("run/model/model.safetensors")));
    // The choice may change when the run is resumed: the best one was kept.
    assertEquals(best(losses), run(config(), true, losses).step());
  }

  @Test
  void withoutAnEvaluationItIsTheLast() throws IOException {
    RunResult r = run(config("data.split=[1, 0, 0]"), false, new TreeMap<>());
    assertEquals(24, r.step());
    assertEquals(Map.of(), r.metrics());
    List<String> messages = new ArrayList<>();
    for (String override : List.of("data.split=[1, 0, 0]", "checkpoint.keep_best=false")) {
      Config c = config("output=" + folder.resolve("other"), "checkpoint.model=best", override);
      messages.add(
          assertThrows(TrainingException.class, () -> run(c, false, new TreeMap<>())).getMessage());
    }
    assertTrue(messages.getFirst().contains("data.split"), messages.getFirst());
    assertTrue(messages.getLast().contains("keep_best"), messages.getLast());
  }

  @Test
  void anUntrainedModelMayHaveBeenTheBest() throws IOException {
    Config c =
        config(
            "evaluate.first=true",
            "schedule.settings.warmup=0",
            "optimizer.settings.weight_decay=0");
    RunResult r = run(c, false, new TreeMap<>());
    assertEquals(0, r.step());
    assertArrayEquals(
        Files.readAllBytes(folder.resolve("run/start/model.safetensors")),
        Files.readAllBytes(folder.resolve("run/model/model.safetensors")));
  }

  @Test
  void aBestThatWasNotKeptIsTold() throws IOException {
    run(config("checkpoint.keep_best=false", "checkpoint.keep=1"), false, new TreeMap<>());
    List<String> notices = new ArrayList<>();
    RunResult r =
        new TrainingRun(config("checkpoint.model=best"), new TrainingListener() {})
            .run(true, notices::add);
    assertFalse(r.best());
    assertEquals(24, r.step());
    assertEquals(1, notices.size(), notices.toString());
    assertTrue(notices.getFirst().startsWith("[checkpoint.model] "), notices.getFirst());
    assertTrue(notices.getFirst().contains("keep_best was false"), notices.getFirst());
  }
}

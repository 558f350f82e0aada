package dev.quern.transformer.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.transformer.evaluate.Bootstrap;
import dev.quern.transformer.evaluate.ConfidenceInterval;
import dev.quern.transformer.model.Model;
import dev.quern.transformer.model.ModelCard;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.model.Task;
import dev.quern.transformer.train.Evaluation;
import dev.quern.transformer.train.TrainingException;
import dev.quern.transformer.train.config.Config;
import dev.quern.transformer.train.log.RunEnd;
import dev.quern.transformer.train.log.StepReport;
import dev.quern.transformer.train.log.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole runs from configurations: every objective, format, optimiser and schedule there is. */
class TrainingRunTest {
  private static final String GENERAL =
      """
      output: %s
      steps: 4
      data: {files: [%s], format: %s}
      batch: {size: 4, context: 16}
      log: {progress: false, tensorboard: false}
      """;

  private static final Task GENERATION = Task.TEXT_GENERATION;

  @TempDir private Path folder;
  private Path text;
  private Path rows;

  @BeforeEach
  void data() throws IOException {
    StringBuilder corpus = new StringBuilder();
    StringBuilder json = new StringBuilder();
    for (int i = 0; i < 80; i++) {
      corpus.append("line ").append(i).append(" of ").append(i * i % 97).append("\n");
      json.append("{\"text\": \"what is ").append(i).append("?\", \"answer\": \"it is ");
      json.append(i * 7 % 100).append("\", \"label\": \"").append(i % 3 == 0 ? "yes" : "no");
      json.append("\"}\n");
    }
    text = Files.writeString(folder.resolve("corpus.txt"), corpus);
    rows = Files.writeString(folder.resolve("rows.jsonl"), json);
  }

  private Config config(String name, Path data, String format, String more, String... overrides)
      throws IOException {
    Path file = folder.resolve(name + ".yaml");
    Files.writeString(file, GENERAL.formatted(folder.resolve(name), data, format) + more);
    return Config.read(file, TrainingKeys.schema(), List.of(overrides));
  }

  private static RunEnd run(Config config, boolean resume) {
    List<String> warnings = new ArrayList<>();
    RunResult r = new TrainingRun(config, new TrainingListener() {}).run(resume, warnings::add);
    assertEquals(List.of(), warnings);
    return r.end();
  }

  private void assertTrained(String name, RunEnd end, Task task) {
    assertEquals(4, end.step());
    assertTrue(Double.isFinite(end.metrics().get("loss")), end.metrics().toString());
    try (Model model = Models.open(folder.resolve(name).resolve("model"))) {
      assertEquals(task, model.card().task());
      assertTrue(model.card().metrics().containsKey("loss"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"text", "lines"})
  void languageModels(String format) throws IOException {
    Files.writeString(text, Files.readString(text).replace("line 4 ", "\n\nline 4 "));
    Config c =
        config(
            format,
            text,
            format,
            """
            model: {family: llama, layers: 1, dim: 32, heads: 2, kv_heads: 1}
            tokenizer: {size: 300}
            """);
    assertTrained(format, run(c, false), Task.TEXT_GENERATION);
  }

  @Test
  void answers() throws IOException {
    Config c =
        config(
            "answers",
            rows,
            "json_lines",
            """
            model: {family: gpt2, layers: 1, dim: 32, heads: 2}
            tokenizer: {size: 300}
            objective: {name: answers, label_smoothing: 0.1}
            """);
    assertTrained("answers", run(c, false), Task.TEXT_GENERATION);
  }

  @Test
  void maskedWords() throws IOException {
    Config c =
        config(
            "masked",
            text,
            "text",
            """
            model: {family: bert, layers: 1, dim: 32, heads: 2}
            tokenizer: {size: 300}
            objective: {name: masked_lm, whole_words: true}
            """);
    assertTrained("masked", run(c, false), Task.MASK_FILLING);
  }

  @Test
  void classifiers() throws IOException {
    String made =
        """
        model: {family: bert, layers: 1, dim: 32, heads: 2}
        tokenizer: {size: 300}
        """;
    String more = "objective: {name: classification, labels: [no, yes]}\n";
    Config c = config("classes", rows, "json_lines", made + more, "batch.buckets=2");
    assertTrained("classes", run(c, false), Task.TEXT_CLASSIFICATION);
    Evaluation.Tally tally = new TrainingRun(c, new TrainingListener() {}).evaluate("validation");
    ConfidenceInterval accuracy = tally.intervals(Bootstrap.DEFAULT).get("accuracy");
    assertEquals(tally.report(4, "validation").metrics().get("accuracy"), accuracy.estimate());
    Config other =
        config(
            "other",
            rows,
            "json_lines",
            more,
            "model.from=" + folder.resolve("classes/model"),
            "objective.labels=[yes, no]");
    TrainingException e = assertThrows(TrainingException.class, () -> run(other, false));
    assertTrue(e.getMessage().contains("[no, yes]"), e.getMessage());
    Config further =
        config(
            "further",
            rows,
            "json_lines",
            more,
            "model.from=" + folder.resolve("classes/model"),
            "tokenizer.kind=model");
    assertTrained("further", run(further, false), Task.TEXT_CLASSIFICATION);
    String card = Files.readString(folder.resolve("further/model/model_card.json"));
    assertEquals("bert", ModelCard.fromJson(card).family());
  }

  @Test
  void packedTexts() throws IOException {
    String more =
        """
        model: {family: llama, layers: 1, dim: 32, heads: 2, kv_heads: 1}
        tokenizer: {size: 300}
        """;
    String[] packing = {"batch.packing=true", "batch.size=2", "batch.context=64"};
    assertTrained("lines", run(config("lines", text, "lines", more, packing), false), GENERATION);
    String answers = more + "objective: {name: answers}\n";
    Config questions = config("questions", rows, "json_lines", answers, packing);
    assertTrained("questions", run(questions, false), GENERATION);
    Config corpus = config("corpus", text, "text", more, packing);
    TrainingException e = assertThrows(TrainingException.class, () -> run(corpus, false));
    assertTrue(e.getMessage().startsWith("[batch.packing]"), e.getMessage());
  }

  @Test
  void textsThatAreCutAreTold() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 30; i++) {
      lines.append("ab").append(i).append(i < 3 ? " and twenty more letters" : "").append("\n");
    }
    Files.writeString(text, lines);
    String more =
        """
        model: {family: gpt2, layers: 1, dim: 16, heads: 2}
        tokenizer: {kind: characters}
        """;
    List<String> notices = new ArrayList<>();
    Config c = config("cut", text, "lines", more, "batch.buckets=2");
    new TrainingRun(c, new TrainingListener() {}).run(false, notices::add);
    assertEquals(1, notices.size(), notices.toString());
    String notice = notices.getFirst();
    assertTrue(notice.contains("3 of 30 texts (10.0%) are longer than 16 tokens"), notice);
    assertTrue(notice.contains("; 26 would take them all"), notice);
    run(config("uncut", text, "lines", more, "batch.context=26"), false); // nothing to tell
  }

  @Test
  void whatIsFilledUpIsNoToken() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 4; i++) {
      lines.append("ab").append(i).append("\n12345678").append(i).append("\n");
    }
    Files.writeString(text, lines);
    Config c =
        config(
            "counted",
            text,
            "lines",
            """
            model: {family: gpt2, layers: 1, dim: 16, heads: 2}
            tokenizer: {kind: characters}
            """,
            "batch.size=8",
            "data.split=[1, 0, 0]");
    List<Long> tokens = new ArrayList<>();
    RunResult r =
        new TrainingRun(
                c,
                new TrainingListener() {
                  @Override
                  public void step(StepReport step) {
                    tokens.add(step.tokens());
                  }
                })
            .run(false, _ -> {});
    assertEquals(List.of(40L, 40L, 40L, 40L), tokens); // 4 of 2 and 4 of 8, filled up to 64
    String card = Files.readString(r.model().resolve(ModelCard.FILE_NAME));
    assertTrue(card.contains(", 160 tokens in all,"), card);
  }

  @Test
  void anEncoderGetsAClassifier() throws IOException {
    Config base =
        config(
            "encoder",
            text,
            "text",
            """
            model: {family: bert, layers: 1, dim: 32, heads: 2}
            tokenizer: {size: 300}
            objective: {name: masked_lm}
            """);
    run(base, false);
    Config c =
        config(
            "tuned",
            rows,
            "json_lines",
            "objective: {name: classification, labels: [no, yes]}\n",
            "model.from=" + folder.resolve("encoder/model"));
    List<String> notices = new ArrayList<>();
    RunResult r = new TrainingRun(c, new TrainingListener() {}).run(false, notices::add);
    assertTrained("tuned", r.end(), Task.TEXT_CLASSIFICATION);
    assertEquals(1, notices.size(), notices.toString());
    assertTrue(
        notices
            .getFirst()
            .contains(
                "bert.pooler.dense.weight, bert.pooler.dense.bias, classifier.weight,"
                    + " classifier.bias are new"),
        notices.getFirst());
  }

  @Test
  void keysThatWouldSayNothingAreRefused() throws IOException {
    String more =
        """
        model: {family: gpt2, layers: 1, dim: 16, heads: 2}
        tokenizer: {kind: characters}
        """;
    run(config("base", text, "text", more), false);
    String from = "model.from=" + folder.resolve("base/model");
    TrainingException e =
        assertThrows(
            TrainingException.class, () -> run(config("sized", text, "text", more, from), false));
    assertTrue(e.getMessage().startsWith("[model.family]"), e.getMessage());
    assertTrue(e.getMessage().contains("model.layers, model.dim"), e.getMessage());
    assertTrue(e.getMessage().contains("tokenizer.kind"), e.getMessage());
    TrainingException context =
        assertThrows(
            TrainingException.class,
            () -> run(config("long", text, "text", "", from, "batch.context=17"), false));
    assertTrue(context.getMessage().contains("the model's context 16"), context.getMessage());
    TrainingException task =
        assertThrows(
            TrainingException.class,
            () ->
                run(
                    config(
                        "wrong",
                        text,
                        "text",
                        """
                        model: {family: bert, layers: 1, dim: 16, heads: 2}
                        tokenizer: {size: 300}
                        """),
                    false));
    assertTrue(task.getMessage().contains("mask-filling"), task.getMessage());
    // What a run wrote of itself can be read again, and its model gone on from.
    Config further = config("tuned", text, "text", "", from, "tokenizer.kind=model");
    assertTrained("tuned", run(further, false), Task.TEXT_GENERATION);
    Config again =
        Config.read(folder.resolve("tuned/config.yaml"), TrainingKeys.schema(), List.of());
    assertEquals(again, config("tuned", text, "text", "", from));
    assertTrained("tuned", run(again, true), Task.TEXT_GENERATION);
    assertTrained("tuned", run(further, true), Task.TEXT_GENERATION);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"sgd", "adam", "adamw", "adagrad", "rmsprop", "adafactor", "lion", "one_cycle"})
  void optimisersAndAMovingMomentum(String name) throws IOException {
    boolean cycle = name.equals("one_cycle");
    Config c =
        config(
            name,
            text,
            "text",
            """
            model: {family: gpt2, layers: 1, dim: 16, heads: 2}
            tokenizer: {kind: characters}
            """,
            "optimizer.name=" + (cycle ? "adamw" : name),
            "schedule.name=" + (cycle ? name : "linear"));
    assertTrained(name, run(c, false), Task.TEXT_GENERATION);
  }

  @Test
  void aRunGoesOnOnlyAsWhatItWas() throws IOException {
    String more =
        """
        model: {family: gpt2, layers: 1, dim: 16, heads: 2}
        tokenizer: {kind: characters}
        schedule: {name: constant}
        """;
    run(config("same", text, "text", more), false);
    TrainingException again =
        assertThrows(TrainingException.class, () -> run(config("same", text, "text", more), false));
    assertTrue(again.getMessage().contains("--resume"), again.getMessage());
    assertEquals(4, run(config("same", text, "text", more, "threads=1"), true).step());
    TrainingException changed =
        assertThrows(
            TrainingException.class,
            () -> run(config("same", text, "text", more, "batch.size=5"), true));
    assertTrue(changed.getMessage().contains("batch.size"), changed.getMessage());
    assertEquals(6, run(config("same", text, "text", more, "steps=6"), true).step());
    String written = Files.readString(folder.resolve("same/config.yaml"));
    assertTrue(written.contains("\nsteps: 6\n"), written);
    Files.writeString(text, Files.readString(text) + "line 1 of some\n");
    TrainingException data =
        assertThrows(
            TrainingException.class,
            () -> run(config("same", text, "text", more, "steps=6"), true));
    assertTrue(data.getMessage().contains("corpus.txt"), data.getMessage());
  }
}

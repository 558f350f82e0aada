package dev.quern.transformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.transformer.Golden;
import dev.quern.transformer.data.OrderedWindows;
import dev.quern.transformer.data.TokenSequence;
import dev.quern.transformer.model.Model;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.model.Task;
import dev.quern.transformer.model.TextClassifier;
import dev.quern.transformer.tokenizer.DecodeOptions;
import dev.quern.transformer.tokenizer.EncodeOptions;
import dev.quern.transformer.tokenizer.Tokenizer;
import dev.quern.transformer.train.Evaluator;
import dev.quern.transformer.train.FamilyModel;
import dev.quern.transformer.train.LanguageModelEvaluation;
import dev.quern.transformer.train.TrainableModel;
import dev.quern.transformer.train.loss.CrossEntropy;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** {@code quern evaluate} of models there are, on data that is given. */
class EvaluateCommandTest {
  private static final int WINDOW = 12;

  @TempDir private Path folder;

  private record Outcome(int code, String out, String err) {
    double metric(String name) {
      String line = out.lines().filter(l -> l.startsWith(name + ": ")).findFirst().orElseThrow();
      return Double.parseDouble(line.substring(name.length() + 2).split(" ")[0]);
    }
  }

  private static Outcome run(Object... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine command = QuernCommand.commandLine();
    command.setOut(new PrintWriter(out, true));
    command.setErr(new PrintWriter(err, true));
    int code = command.execute(Stream.of(args).map(Object::toString).toArray(String[]::new));
    return new Outcome(code, out.toString(), err.toString());
  }

  private static Outcome done(Object... args) {
    Outcome o = run(args);
    assertEquals(0, o.code, o.err);
    return o;
  }

  private Path text() throws IOException {
    return Files.writeString(
        folder.resolve("text.txt"), "The quern turns, and the flour comes. ".repeat(4) + "End.");
  }

  /** What training says of a folder's loss on the same windows. */
  private static Map<String, Double> trained(Path model, Path text) throws IOException {
    Tokenizer tokenizer = Models.openTokenizer(model);
    int[] ids = tokenizer.encode(Files.readString(text), EncodeOptions.ADD_SPECIAL);
    LanguageModelEvaluation evaluation =
        new LanguageModelEvaluation(
            id -> tokenizer.decodeBytes(new int[] {id}, DecodeOptions.TEXT).length);
    try (Engine engine = Engine.create();
        FamilyModel m = FamilyModel.open(engine, model, _ -> false);
        Evaluator evaluator =
            new Evaluator(
                engine, m, new CrossEntropy().on(TrainableModel.LOGITS, "labels"), evaluation)) {
      return evaluator
          .evaluate(new OrderedWindows(TokenSequence.of(ids), WINDOW, 4), 0, "data")
          .metrics();
    }
  }

  @Test
  void aTextIsJudgedAsInTraining() throws IOException {
    Path model = Golden.of("gpt2/hf");
    Path text = text();
    Map<String, Double> expected = trained(model, text);
    Outcome o = done("evaluate", "-m", model, "--data", text, "-c", WINDOW, "--precision", "exact");
    assertEquals(expected.get("tokens"), o.metric("tokens"));
    for (String name : List.of("loss", "perplexity", "bits_per_byte")) {
      assertEquals(expected.get(name), o.metric(name), 1e-4 * expected.get(name), o.out);
    }
    Path file = folder.resolve("gpt2.gguf");
    done("export", model, "-o", file);
    Outcome ofFile = done("evaluate", "-m", file, "-d", text, "--context", WINDOW);
    assertEquals(o.metric("loss"), ofFile.metric("loss"), 1e-2);
    assertTrue(done("evaluate", "--task", "text-generation", "-d", text).metric("loss") > 0);
  }

  @Test
  void rowsAreJudgedByTheirLabels() throws IOException {
    StringBuilder rows = new StringBuilder();
    double nats = 0;
    int count = 19; // more than a batch, of several lengths
    try (Model model = Models.openDefault(Task.TEXT_CLASSIFICATION)) {
      TextClassifier classifier = TextClassifier.of(model);
      for (int i = 0; i < count; i++) {
        String text =
            (i % 2 == 0 ? "a wonderful film" : "a dreadful film") + " indeed".repeat(i % 5);
        TextClassifier.Response r =
            classifier.classify(new TextClassifier.Request(text, Map.of("scores", true)));
        String label =
            i < 4
                ? classifier.labels().stream().filter(l -> !l.equals(r.label())).findFirst().get()
                : r.label();
        nats -= Math.log(r.scores().get(label));
        rows.append("{\"said\": \"%s\", \"is\": \"%s\"}%n".formatted(text, label));
      }
    }
    Path file = Files.writeString(folder.resolve("rows.jsonl"), rows);
    Outcome o =
        done(
            "evaluate",
            "--task",
            "text-classification",
            "-d",
            file,
            "--text",
            "said",
            "--label",
            "is");
    assertEquals(count, o.metric("examples"));
    assertEquals(15.0 / 19, o.metric("accuracy"), 1e-3, o.out);
    assertEquals(nats / count, o.metric("loss"), 1e-3 * nats / count, o.out);
    assertTrue(o.out.contains("|"), o.out);
    Path other =
        Files.writeString(folder.resolve("other.jsonl"), "{\"text\":\"a\",\"label\":\"x\"}\n");
    Outcome refused = run("evaluate", "--task", "text-classification", "-d", other);
    assertEquals(1, refused.code, refused.err);
    assertTrue(refused.err.contains("'x'"), refused.err);
  }

  @Test
  void wrongLinesAreRefused() throws IOException {
    Path text = text();
    Path gpt2 = Golden.of("gpt2/hf");
    misused("either RUN", "evaluate");
    misused("either RUN", "evaluate", folder, "-d", text);
    misused("--data", "evaluate", folder, "-m", gpt2);
    for (String option : List.of("--text", "--label", "--precision", "--threads", "--task")) {
      String value = option.equals("--threads") ? "1" : "exact";
      misused(option + " goes with --data", "evaluate", folder, option, value);
    }
    misused("--task", "evaluate", "-d", text);
    misused("--task is 'x'", "evaluate", "-d", text, "--task", "x");
    misused("--split", "evaluate", "-d", text, "-m", gpt2, "--split", "test");
    misused("--context", "evaluate", "-d", text, "-m", gpt2, "-c", 0);
    Outcome unfit = run("evaluate", "-d", text, "-m", Golden.of("bert/hf"));
    assertEquals(1, unfit.code, unfit.err);
    assertTrue(unfit.err.contains("mask-filling"), unfit.err);
    Outcome field = run("evaluate", "-d", text, "-m", gpt2, "--label", "is");
    assertEquals(1, field.code, field.err);
    assertTrue(field.err.contains("--label is for models that classify"), field.err);
    Outcome task = run("evaluate", "-d", text, "-m", gpt2, "--task", "text-classification");
    assertEquals(1, task.code, task.err);
    assertTrue(task.err.contains("text-generation"), task.err);
  }

  private static void misused(String says, Object... args) {
    Outcome o = run(args);
    assertEquals(2, o.code, o.err);
    assertTrue(o.err.contains(says), o.err);
  }
}

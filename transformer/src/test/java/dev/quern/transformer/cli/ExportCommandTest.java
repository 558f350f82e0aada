package dev.quern.transformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.transformer.Golden;
import dev.quern.transformer.model.Model;
import dev.quern.transformer.model.ModelCard;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.model.Task;
import dev.quern.transformer.model.TextClassifier;
import dev.quern.transformer.model.TextGenerator;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** {@code quern export}, {@code quern classify}, and the commands without a model. */
class ExportCommandTest {
  @TempDir private Path folder;

  private record Outcome(int code, String out, String err) {}

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

  @Test
  void aFolderBecomesAFile() {
    Path file = folder.resolve("llama.gguf");
    Outcome o = done("export", Golden.of("llama/hf"), "-o", file, "--type", "Q8_0");
    assertTrue(o.err.contains("Q8_0"), o.err);
    String text = done("generate", "-m", file, "-p", "The quern", "-n", 60).out;
    assertEquals(
        done("generate", "-m", Golden.of("llama/hf"), "-p", "The quern", "-n", 60).out, text);
    Outcome bert = done("export", Golden.of("bert/hf"), "-o", folder.resolve("bert.gguf"));
    assertTrue(bert.err.contains("cls.predictions.bias was left out"), bert.err);
  }

  @Test
  void aFolderBecomesAFolder() {
    Path out = folder.resolve("clean");
    Outcome o = done("export", Golden.of("gpt2/hf"), "-o", out, "--to", "huggingface");
    assertTrue(o.err.contains("model.safetensors"), o.err);
    assertTrue(Files.exists(out.resolve("tokenizer_config.json")));
    Outcome again = run("export", Golden.of("gpt2/hf"), "-o", out, "--to", "huggingface");
    assertEquals(1, again.code, again.err);
  }

  @Test
  void ofATrainingRunTheModelIsTaken() throws Exception {
    Path model = Files.createDirectories(folder.resolve("run/model"));
    try (var files = Files.list(Golden.of("gpt2/hf"))) {
      for (Path f : files.toList()) {
        Files.copy(f, model.resolve(f.getFileName().toString()));
      }
    }
    Path file = folder.resolve("run.gguf");
    done("export", folder.resolve("run"), "-o", file);
    try (Model open = Models.open(file)) {
      assertEquals("gpt2", open.card().family());
    }
  }

  @Test
  void wrongLinesAreRefused() {
    Path file = folder.resolve("x.gguf");
    Outcome type = run("export", Golden.of("gpt2/hf"), "-o", file, "--type", "Q9");
    assertEquals(2, type.code, type.err);
    assertTrue(type.err.contains("--type"), type.err);
    Outcome block =
        run("export", Golden.of("gpt2/hf"), "-o", file, "--to", "huggingface", "--type", "Q8_0");
    assertEquals(2, block.code, block.err);
    assertEquals(2, run("export", Golden.of("gpt2/hf")).code);
    Outcome gguf = run("export", Golden.of("llama/llama-F32.gguf"), "-o", file);
    assertEquals(1, gguf.code, gguf.err);
    assertFalse(Files.exists(file));
  }

  @Test
  void aTextIsClassified() {
    Path model = Golden.of("classifier/hf");
    try (Model open = Models.open(model)) {
      var response =
          TextClassifier.of(open)
              .classify(new TextClassifier.Request("a song", Map.of("scores", true)));
      StringBuilder lines = new StringBuilder();
      response.scores().forEach((label, score) -> lines.append(line(label, score)));
      assertEquals(
          line(response.label(), response.score()),
          done("classify", "-m", model, "-p", "a song").out);
      assertEquals(lines.toString(), done("classify", "-m", model, "-p", "a song", "--scores").out);
    }
    Outcome other = run("classify", "-m", Golden.of("llama/llama-F32.gguf"), "-p", "a");
    assertEquals(1, other.code, other.err);
    assertTrue(other.err.contains("can't classify"), other.err);
    Outcome tooLong = run("classify", "-m", model, "-p", "the ".repeat(100));
    assertEquals(1, tooLong.code, tooLong.err);
    assertTrue(tooLong.err.startsWith("quern: --prompt: "), tooLong.err);
  }

  private static String line(String label, double score) {
    return label + "\t" + String.format(Locale.ROOT, "%.4f", score) + System.lineSeparator();
  }

  @Test
  void withoutAModelTheOnesThatComeWithQuernAreTaken() {
    try (Model model = Models.openDefault(Task.TEXT_GENERATION)) {
      var request = new TextGenerator.Request("ROMEO:", Map.of("maxTokens", 8, "temperature", 0));
      assertEquals(
          TextGenerator.of(model).generate(request).text() + System.lineSeparator(),
          done("generate", "-p", "ROMEO:", "-n", 8).out);
    }
    try (Model model = Models.openDefault(Task.TEXT_CLASSIFICATION)) {
      var response = TextClassifier.of(model).classify(TextClassifier.Request.of("a song"));
      assertEquals(line(response.label(), response.score()), done("classify", "-p", "a song").out);
    }
    assertEquals(2, run("logits", "--tokens", "1", "-o", folder.resolve("x.npy")).code);
  }

  @Test
  void cardsAreShown() throws Exception {
    Outcome o = done("inspect");
    for (Task task : new Task[] {Task.TEXT_GENERATION, Task.TEXT_CLASSIFICATION}) {
      assertTrue(o.out.contains(task.jsonName() + ": " + Models.defaultPath(task)), o.out);
    }
    Path from = Files.createDirectory(folder.resolve("hf"));
    try (var files = Files.list(Golden.of("classifier/hf"))) {
      for (Path f : files.toList()) {
        Files.copy(f, from.resolve(f.getFileName().toString()));
      }
    }
    var card =
        new ModelCard(
            "Sorter",
            "1.0.0",
            "bert",
            Task.TEXT_CLASSIFICATION,
            null,
            "made-up sentences",
            Map.of("accuracy", 0.97),
            ModelCard.Lineage.NONE,
            Map.of("limits", "English alone"));
    Files.writeString(from.resolve(ModelCard.FILE_NAME), card.toJson());
    Path file = folder.resolve("sorter.gguf");
    done("export", from, "-o", file);
    String text = done("inspect", file).out;
    for (String part :
        new String[] {
          "model card",
          "name: Sorter",
          "training data: made-up sentences",
          "accuracy: 0.97",
          "limits: English alone",
          "cls.output.weight"
        }) {
      assertTrue(text.contains(part), text);
    }
    assertFalse(text.contains(ModelCard.GGUF_KEY), text);
  }
}

package dev.quern.transformer.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.AtomicFolder;
import dev.quern.transformer.train.TrainingException;
import dev.quern.transformer.train.config.Config;
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

/** What a run makes of data and settings that don't suit it. */
class RunInputsTest {
  private static final String RUN =
      """
      output: %s
      steps: 6
      model: {family: gpt2, layers: 1, dim: 16, heads: 2}
      tokenizer: {kind: characters}
      data: {files: [%s]}
      batch: {size: 2, context: 8}
      log: {progress: false, tensorboard: false, report: false, csv: false, json: false}
      """;

  @TempDir private Path folder;
  private Path text;

  @BeforeEach
  void data() throws IOException {
    text = Files.writeString(folder.resolve("text.txt"), "a line of some\n".repeat(9));
  }

  private Config config(String... overrides) {
    String yaml = RUN.formatted(folder.resolve("run"), text);
    return Config.parse(yaml, "test", TrainingKeys.schema(), List.of(overrides));
  }

  private static List<String> run(Config config) {
    List<String> notices = new ArrayList<>();
    new TrainingRun(config, new TrainingListener() {}).run(false, notices::add);
    return notices;
  }

  private static String refusal(Config config) {
    return assertThrows(TrainingException.class, () -> run(config)).getMessage();
  }

  @ParameterizedTest
  @ValueSource(strings = {"batch.packing=false", "batch.packing=true", "batch.buckets=2"})
  void textsOfOneTokenAreLeftOut(String more) throws IOException {
    Files.writeString(text, "a\nbc\nd\nefg\nhijk\nl\nmnopq\nr\nst\nu\nvw\nx\n");
    List<String> notices = run(config("data.format=lines", "data.split=[0.6, 0.2, 0.2]", more));
    assertEquals(
        List.of("[data.files] 6 of 12 texts are too short to learn from, and left out"), notices);
  }

  @Test
  void tooLittleDataIsNamedByItsKeys() throws IOException {
    String context = refusal(config("batch.context=200"));
    assertTrue(
        context.startsWith("[batch.context] is 200 tokens, and the training part has 121"),
        context);
    Files.writeString(text, "one\ntwo\nthree\n");
    String size = refusal(config("data.format=lines", "batch.size=4"));
    assertTrue(size.startsWith("[batch.size] is 4, and the training part has 2 "), size);
  }

  @Test
  void whatIsReadIsNotRemoved() throws IOException {
    Config first = config();
    run(first);
    Path start = folder.resolve("run/start");
    AtomicFolder.delete(folder.resolve("run/checkpoints"));
    String yaml =
        RUN.formatted(folder.resolve("run"), text).replaceAll("(?m)^(model|tokenizer):.*\n", "");
    for (String over :
        List.of(
            "model.from=" + start,
            "model.from=" + folder.resolve("run/model/../start"),
            "tokenizer.file=" + start.resolve("tokenizer.json"))) {
      String kind = "tokenizer.kind=" + (over.startsWith("model") ? "model" : "file");
      Config again = Config.parse(yaml, "test", TrainingKeys.schema(), List.of(over, kind));
      String refused = refusal(again);
      assertTrue(refused.startsWith("[" + over.substring(0, over.indexOf('=')) + "]"), refused);
      assertTrue(refused.contains("'output'"), refused);
    }
    assertTrue(Files.isRegularFile(start.resolve("model.safetensors")));
    assertTrue(Files.isRegularFile(start.resolve("tokenizer.json")));
  }

  @Test
  void whatAKillLeftOfTheStartIsRemoved() throws IOException {
    Path left = folder.resolve("run/.start.0123456789abcdef.tmp");
    Files.writeString(Files.createDirectories(left).resolve("model.safetensors"), "");
    run(config());
    assertFalse(Files.exists(left));
  }

  @Test
  void nothingToTrainIsNamed() {
    String refused = refusal(config("model.train=transformer"));
    assertTrue(refused.startsWith("[model.train] transformer matches"), refused);
  }

  @Test
  void aFolderIsNoData() {
    String refused = refusal(config("data.files=[" + folder + "]"));
    assertEquals("[data.files] " + folder + " is a folder; name the files in it", refused);
  }

  @Test
  void aClassHasOneName() throws IOException {
    Files.writeString(
        text, "{\"text\": \"x\", \"label\": \"a\"}\n{\"text\": \"y\", \"label\": \"b\"}\n");
    String refused =
        refusal(
            config(
                "data.format=json_lines",
                "model.family=bert",
                "tokenizer.kind=bpe",
                "tokenizer.size=300",
                "objective.name=classification",
                "objective.labels=[a, b, a]"));
    assertTrue(refused.startsWith("[objective.labels] are [a, b, a], one of them"), refused);
  }
}

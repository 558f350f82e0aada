package dev.quern.transformer.train.run;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.transformer.train.TrainingException;
import dev.quern.transformer.train.config.Config;
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

/** What a resumed run may change, and what a checkpoint of another version means. */
class RunIdentityTest {
  @TempDir private Path folder;
  private Path text;

  @BeforeEach
  void data() throws IOException {
    text = Files.writeString(folder.resolve("text.txt"), "to be or not to be");
  }

  private Config config(String... overrides) {
    List<String> all = new ArrayList<>(List.of("output=runs/x", "steps=100"));
    all.add("data.files=[" + text + "]");
    all.addAll(List.of(overrides));
    return Config.parse("", "test", TrainingKeys.schema(), all);
  }

  private static String stored(Config config) {
    return RunIdentity.of(config).toJson();
  }

  private static void goesOn(String stored, Config now) {
    RunIdentity.of(now).requireSame(Path.of("runs/x"), stored, now.texts("data.files"));
  }

  private static String refusal(String stored, Config now) {
    return assertThrows(TrainingException.class, () -> goesOn(stored, now)).getMessage();
  }

  @Test
  void aKeyOfALaterVersionCountsAsItsDefault() throws IOException {
    ObjectMapper json = new ObjectMapper();
    ObjectNode older = (ObjectNode) json.readTree(stored(config()));
    ((ObjectNode) older.get("settings")).remove("optimizer.average");
    goesOn(older.toString(), config());
    String refused = refusal(older.toString(), config("optimizer.average=0.5"));
    assertTrue(refused.contains("optimizer.average (0.0, now 0.5)"), refused);
    ObjectNode newer = (ObjectNode) json.readTree(stored(config()));
    ((ObjectNode) newer.get("settings")).put("model.shiny", "true");
    String unknown = refusal(newer.toString(), config());
    assertTrue(unknown.contains("model.shiny (true, now unset)"), unknown);
    String foreign = refusal("0123abcd 4567", config());
    assertTrue(foreign.contains("another version"), foreign);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "name=other",
        "output=elsewhere",
        "threads=1",
        "licence=MIT",
        "model.recompute=true",
        "evaluate.every=7",
        "evaluate.patience=3",
        "checkpoint.every=9",
        "checkpoint.keep=5",
        "log.csv=false"
      })
  void whatChangesNoBitMayChange(String override) {
    assertDoesNotThrow(() -> goesOn(stored(config()), config(override)));
    assertTrue(TrainingKeys.mayChange(override.substring(0, override.indexOf('='))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "seed=2",
        "precision=bf16",
        "model.dropout=0.1",
        "batch.size=17",
        "optimizer.settings.beta2=0.9",
        "schedule.peak=0.1",
        "model.hidden=7",
        "steps=200"
      })
  void whatChangesABitIsNamed(String override) {
    String key = override.substring(0, override.indexOf('='));
    String named = key.startsWith("optimizer.settings") ? "optimizer.settings" : key;
    String refused = refusal(stored(config()), config(override));
    assertTrue(refused.contains(": " + named + " ("), refused);
    assertTrue(refused.contains("quern train runs/x --resume"), refused);
    assertFalse(TrainingKeys.mayChange(key));
  }

  @Test
  void aRunMayBecomeLongerWhereItsScheduleDoesNotFollow() {
    goesOn(stored(config("schedule.name=constant")), config("schedule.name=constant", "steps=200"));
    goesOn(
        stored(config("schedule.settings.steps=50")),
        config("schedule.settings.steps=50", "steps=200"));
    String refused = refusal(stored(config()), config("steps=200"));
    assertTrue(refused.contains("model.from"), refused);
  }

  @Test
  void dataMayMoveButNotChange() throws IOException {
    String stored = stored(config());
    text = Files.move(text, folder.resolve("moved.txt"));
    goesOn(stored, config());
    Files.writeString(text, "to be or not to bee");
    String refused = refusal(stored, config());
    assertTrue(refused.contains(text + " holds other data"), refused);
    String more = refusal(stored, config("data.files=[" + text + ", " + text + "]"));
    assertTrue(more.contains("data.files are 2 and were 1"), more);
  }
}

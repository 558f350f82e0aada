package dev.quern.transformer.train.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigTest {
  static final ConfigSchema SCHEMA =
      ConfigSchema.builder()
          .key("seed", ConfigType.integer(), 1337, "Where chance begins.")
          .section("data", "What is learnt from.")
          .required("data.train", ConfigType.text(), "A UTF-8 text file.")
          .key(
              "data.ratio",
              ConfigType.listOf(ConfigType.number().atLeast(0)),
              List.of(0.9, 0.1),
              "Split.")
          .section("optimizer", "How the weights move.")
          .key("optimizer.name", ConfigType.text().oneOf("adamw", "sgd"), "adamw", "The rule.")
          .key("optimizer.rate", ConfigType.number().above(0), 1e-3, "The highest learning rate.")
          .key("optimizer.nesterov", ConfigType.flag(), false, "Look ahead.")
          .optional(
              "optimizer.clip",
              ConfigType.number().above(0),
              "Largest gradient norm; none without.")
          .section("optimizer.groups", "Groups.")
          .key("optimizer.groups.decay", ConfigType.number().atLeast(0), 0.1, "Weight decay.")
          .section("schedule", "The rate over time.")
          .key(
              "schedule.settings",
              ConfigType.mapOf(ConfigType.number()),
              Map.of("warmup", 100),
              "As Schedules has them.")
          .key("schedule.steps", ConfigType.integer().atLeast(1).atMost(1_000_000), 2000, "Steps.")
          .key("schedule.tags", ConfigType.listOf(ConfigType.text()), List.of(), "Marks.")
          .build();

  private static Config parse(String yaml, String... overrides) {
    return Config.parse(yaml, "run.yaml", SCHEMA, List.of(overrides));
  }

  private static String refusal(String yaml, String... overrides) {
    return assertThrows(ConfigException.class, () -> parse(yaml, overrides)).getMessage();
  }

  private static final String WHOLE =
      """
      # A run.
      seed: 0x10
      data:
        train: "corpus: 1.txt"
        ratio: [0.8, 0.1, 0.1]
      optimizer:
        rate: 3e-4   # small
        nesterov: true
        groups: {decay: 0}
      schedule:
        settings:
          peak: 0.1
          warmup: 10
        tags:
          - one
          - 'two'
      """;

  @Test
  void readsEachType() {
    Config c = parse(WHOLE);
    assertEquals(16, c.integer("seed"));
    assertEquals(16, c.int32("seed"));
    assertEquals("corpus: 1.txt", c.text("data.train"));
    assertEquals(List.of(0.8, 0.1, 0.1), c.numbers("data.ratio"));
    assertEquals(3e-4, c.number("optimizer.rate"));
    assertTrue(c.flag("optimizer.nesterov"));
    assertEquals(0.0, c.number("optimizer.groups.decay"));
    assertEquals(Map.of("peak", 0.1, "warmup", 10.0), c.numbersByName("schedule.settings"));
    assertEquals(List.of("one", "two"), c.texts("schedule.tags"));
    assertEquals(2000, c.integer("schedule.steps"));
    assertEquals("adamw", c.section("optimizer").text("name"));
    assertEquals(0.0, c.section("optimizer").section("groups").number("decay"));
  }

  @Test
  void tellsGivenFromDefaultAndUnset() {
    Config c = parse("data: {train: a.txt}\nschedule: {steps: 2000}\noptimizer:\n");
    assertTrue(c.isGiven("data.train"));
    assertTrue(c.isGiven("schedule.steps"));
    assertFalse(c.isGiven("optimizer.rate"));
    assertTrue(c.has("optimizer.rate"));
    assertFalse(c.has("optimizer.clip"));
    assertTrue(parse("data: {train: a}\noptimizer: {clip: 1}").has("optimizer.clip"));
    assertEquals(
        "optimizer.clip: not set; wanted a number above 0",
        assertThrows(ConfigException.class, () -> c.number("optimizer.clip")).getMessage());
    assertThrows(IllegalArgumentException.class, () -> c.number("optimizer.rat"));
    assertThrows(IllegalArgumentException.class, () -> c.text("optimizer.rate"));
    assertThrows(IllegalArgumentException.class, () -> c.section("seed"));
  }

  @Test
  void overridesCountMoreThanTheFile() {
    Config c =
        parse(
            WHOLE,
            "optimizer.rate=0.5",
            "optimizer.rate=0.25",
            "data.train=12=x #y",
            "data.ratio=[1, 0]",
            "optimizer.clip=1",
            "schedule.settings.peak=2",
            "schedule.settings.floor=1e-5",
            "schedule.tags=[\"a, b\", c]");
    assertEquals(0.25, c.number("optimizer.rate"));
    assertEquals("12=x #y", c.text("data.train"));
    assertEquals(List.of(1.0, 0.0), c.numbers("data.ratio"));
    assertEquals(1.0, c.number("optimizer.clip"));
    assertEquals(
        Map.of("peak", 2.0, "warmup", 10.0, "floor", 1e-5), c.numbersByName("schedule.settings"));
    assertEquals(List.of("a, b", "c"), c.texts("schedule.tags"));
    assertFalse(parse(WHOLE, "optimizer.clip=1", "optimizer.clip=null").has("optimizer.clip"));
    // What must be given may come from there alone.
    assertEquals("a b", parse("", "data.train='a b'").text("data.train"));
  }

  @Test
  void refusesOverridesByName() {
    assertEquals(
        "--set optimizer.rate=fast: optimizer.rate: found the text 'fast', wanted a number above 0",
        refusal(WHOLE, "optimizer.rate=fast"));
    assertEquals(
        "--set optimiser.rate=1: unknown key 'optimiser.rate'; did you mean 'optimizer.rate'?",
        refusal(WHOLE, "optimiser.rate=1"));
    assertEquals(
        "--set optimizer=1: this is a section; set one of its keys", refusal(WHOLE, "optimizer=1"));
    assertEquals("--set seed: need key=value, such as optimizer.rate=3e-4", refusal(WHOLE, "seed"));
    assertEquals(
        "--set schedule.settings.peak=x: schedule.settings.peak: found the text 'x', wanted a"
            + " number",
        refusal(WHOLE, "schedule.settings.peak=x"));
    assertTrue(refusal(WHOLE, "data.ratio=[1").startsWith("--set data.ratio=[1: not valid YAML"));
    assertTrue(
        refusal(WHOLE, "data.ratio=*x").startsWith("--set data.ratio=*x: "),
        refusal(WHOLE, "data.ratio=*x"));
  }

  @Test
  void refusesUnknownKeysWithTheNearest() {
    assertEquals(
        "run.yaml:2: unknown key 'optimizer.rat'; did you mean 'optimizer.rate'?",
        refusal("optimizer:\n  rat: 1\n"));
    assertEquals(
        "run.yaml:1: unknown key 'optimiser'; did you mean 'optimizer'?",
        refusal("optimiser:\n  rate: 1\n"));
    assertEquals(
        "run.yaml:1: unknown key 'decay'; did you mean 'optimizer.groups.decay'?",
        refusal("decay: 1\n"));
    assertEquals(
        "run.yaml:3: unknown key 'optimizer.lr'; optimizer has name, rate, nesterov, clip, groups",
        refusal("data: {train: x}\noptimizer:\n  lr: 1\n"));
    assertEquals(
        "run.yaml:1: unknown key 'x'; there are seed, data, optimizer, schedule", refusal("x: 1"));
    assertEquals(
        "run.yaml:1: 'optimizer.rate' is one name here; write it in its section, as 'optimizer:'"
            + " and below it '  rate: ...'",
        refusal("optimizer.rate: 1"));
  }

  @Test
  void refusesWrongTypesWithPlaceFoundAndWanted() {
    assertEquals(
        "run.yaml:2: optimizer.rate: found the number -1.5, wanted a number above 0",
        refusal("optimizer:\n  rate: -1.5"));
    assertEquals(
        "run.yaml:1: seed: found the number 1e3, wanted a whole number", refusal("seed: 1e3"));
    assertEquals(
        "run.yaml:1: seed: found the whole number 99999999999999999999, wanted a whole number, of"
            + " at most 64 bits",
        refusal("seed: 99999999999999999999"));
    assertEquals(
        "run.yaml:1: optimizer.nesterov: found the text 'yes', wanted true or false",
        refusal("optimizer: {nesterov: yes}"));
    assertEquals(
        "run.yaml:1: data.train: found the whole number 12, wanted a text, in quotes",
        refusal("data: {train: 12}"));
    assertEquals(
        "run.yaml:1: optimizer.name: found the text 'adam', wanted one of adamw, sgd",
        refusal("optimizer: {name: adam}"));
    assertEquals(
        "run.yaml:3: data.ratio[1]: found the text 'x', wanted a number of at least 0",
        refusal("data:\n  ratio: [1,\n    x]"));
    assertEquals(
        "run.yaml:1: data.ratio: found the whole number 1, wanted a list, each of it a number of at"
            + " least 0",
        refusal("data: {ratio: 1}"));
    assertEquals("run.yaml:1: seed: found nothing, wanted a whole number", refusal("seed:\n"));
    assertEquals(
        "run.yaml:1: seed: found a section, wanted a whole number", refusal("seed: {a: 1}"));
    assertEquals(
        "run.yaml:1: data: found a list, wanted a section: lines of 'key: value'",
        refusal("data: [1]"));
    assertEquals(
        "run.yaml:1: the configuration: found the text 'hello', wanted a section: lines of 'key:"
            + " value'",
        refusal("hello"));
    assertEquals(
        "run.yaml:1: optimizer.rate: found the number .inf, wanted a number above 0",
        refusal("optimizer: {rate: .inf}"));
    assertEquals(
        "run.yaml:1: schedule.steps: found the whole number 0, wanted a whole number from 1 to"
            + " 1000000",
        refusal("schedule: {steps: 0}"));
    assertEquals(
        "run.yaml: data.train is missing: A UTF-8 text file.; wanted a text", refusal("seed: 1"));
  }

  @Test
  void writesWhatItReadsBack() {
    for (Config c :
        List.of(
            parse(WHOLE),
            parse("data: {train: \" a\\tb \\u2028 é 😀 \\\"\"}"),
            parse("data: {train: 'null'}"))) {
      String yaml = c.toYaml();
      Config again = parse(yaml);
      assertEquals(c, again, yaml);
      assertEquals(yaml, again.toYaml());
      assertEquals(List.of(), c.differences(again));
    }
    String yaml = parse(WHOLE).toYaml();
    assertTrue(
        yaml.contains(
            """
            # How the weights move.
            optimizer:
              # The rule. (one of adamw, sgd; default adamw)
              name: adamw
              # The highest learning rate. (a number above 0; default 0.001)
              rate: 3.0E-4
            """),
        yaml);
    assertTrue(yaml.contains("\n  # clip:\n"), yaml);
  }

  @Test
  void differsByValuesAlone() {
    Config c = parse("seed: 1337\ndata: {train: a}\nschedule: {settings: {a: 1, b: 2}}");
    Config same = parse("schedule: {settings: {b: 2.0, a: 1}}\ndata: {train: 'a'} # x");
    Config other = parse("schedule: {settings: {b: 2.0, a: 1}}\ndata: {train: 'b'}");
    assertEquals(List.of(), c.differences(same));
    assertEquals(List.of("data.train"), c.differences(other));
    assertEquals("b", other.values().get("data.train"));
  }

  @Test
  void theTemplateIsAConfigurationOnceTheMissingIsGiven() {
    String template = SCHEMA.template();
    assertTrue(refusal(template).contains("data.train: found nothing, wanted a text"));
    Config c = parse(template.replace("train:", "train: a.txt"));
    assertEquals(parse("", "data.train=a.txt"), c);
    for (ConfigKey key : SCHEMA.keys()) {
      assertTrue(SCHEMA.toMarkdown().contains("| `" + key.path() + "` |"), key.path());
      assertTrue(template.contains(key.description().split(" ")[0]), key.path());
    }
  }

  @Test
  void readsFiles(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("run.yaml");
    Files.writeString(file, "\uFEFF" + WHOLE);
    assertEquals(3e-4, Config.read(file, SCHEMA, List.of()).number("optimizer.rate"));
    Files.write(file, new byte[] {'a', ':', ' ', (byte) 0xFF});
    assertTrue(message(file).contains("not UTF-8"), message(file));
    Files.write(file, " ".repeat(YamlReader.MOST_BYTES + 1).getBytes(StandardCharsets.UTF_8));
    assertTrue(message(file).contains("more than 1048576 bytes"), message(file));
    assertTrue(message(folder).contains("this is a folder"), message(folder));
  }

  private static String message(Path file) {
    return assertThrows(ConfigException.class, () -> Config.read(file, SCHEMA, List.of()))
        .getMessage();
  }

  @Test
  void schemasAreChecked() {
    ConfigSchema.Builder b = ConfigSchema.builder().section("a", "A.");
    ConfigType whole = ConfigType.integer().atLeast(1);
    assertThrows(IllegalArgumentException.class, () -> b.key("a.x", whole, 0, "X."));
    assertThrows(IllegalArgumentException.class, () -> b.key("a.x", whole, "1", "X."));
    assertThrows(IllegalArgumentException.class, () -> b.key("b.x", whole, 1, "X."));
    assertThrows(IllegalArgumentException.class, () -> b.key("a.x y", whole, 1, "X."));
    assertThrows(IllegalArgumentException.class, () -> b.key("a.x", whole, 1, " "));
    assertThrows(IllegalArgumentException.class, () -> b.section("a", "Twice."));
    assertThrows(IllegalArgumentException.class, () -> ConfigType.flag().atLeast(1));
    assertThrows(IllegalArgumentException.class, () -> ConfigType.listOf(ConfigType.listOf(whole)));
  }
}

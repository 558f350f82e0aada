package dev.quern.transformer.train.config;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever a file holds, reading it ends soon, with a configuration or a {@link ConfigException}.
 */
class HostileYamlTest {
  // Generous: a test machine may be slow or asleep. What this catches takes hours or never ends.
  private static final Duration LIMIT = Duration.ofMinutes(2);

  private static String refusal(String yaml) {
    return assertTimeoutPreemptively(
        LIMIT,
        () ->
            assertThrows(
                    ConfigException.class,
                    () -> Config.parse(yaml, "x.yaml", ConfigTest.SCHEMA, List.of()))
                .getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "data: &a {train: x}",
        "data: &a [*a, *a]",
        "data: *a",
        "*a : 1",
        "a: &x 1",
        "&k data: {train: x}",
        "<<: {seed: 1}",
        "seed: !!int 1",
        "seed: !<tag:yaml.org,2002:int> 1",
        "!!java.net.URL [http://localhost]",
        "!!javax.script.ScriptEngineManager [!!java.net.URLClassLoader [[]]]",
        "seed: 1\nseed: 1",
        "data: {train: x, train: y}",
        "data: {train: x}\n---\nseed: 1",
        "? [a, b]\n: 1",
        "? {a: 1}\n: 1",
        "seed: [",
        "seed: \"",
        "seed: 'a",
        "a: b: c",
        "\tseed: 1",
        "seed: @x",
        "seed: `x",
        "seed: %x",
        "%YAML 3.0\n---\nseed: 1\n...\nx",
        "data: {train: \"\\ud800\"}",
        "data: {train: \"\\x\"}",
        "seed: |9\n x",
        "\u0000",
        "seed: \u0007",
        "- - - - - 1",
        "[]",
        "seed: 1e99999999",
        "optimizer: {rate: 1e99999999}",
        "optimizer: {rate: 0xffffffffffffffffffff}",
        "optimizer: {rate: .nan}"
      })
  void refuses(String yaml) {
    String message = refusal(yaml);
    assertTrue(message.startsWith("x.yaml"), message);
    assertTrue(message.length() < 1000, message);
  }

  @Test
  void refusesWhatGrows() {
    int many = 250_000;
    refusal("seed: " + "[".repeat(many));
    refusal("seed: " + "[".repeat(many) + "]".repeat(many));
    refusal("seed: " + "{a: ".repeat(many));
    refusal("- ".repeat(many));
    refusal("? ".repeat(many));
    refusal(
        "a: \n"
            + IntStream.range(0, 900)
                .mapToObj(i -> " ".repeat(i) + "a:\n")
                .collect(Collectors.joining()));
    refusal("seed: " + "9".repeat(4 * many));
    refusal("optimizer: {rate: " + "9".repeat(4 * many) + "}");
    refusal("a".repeat(4 * many) + ": 1");
    refusal("\"" + "a".repeat(4 * many) + "\": 1");
    refusal("seed: \"" + "\\u0041".repeat(many / 2));
    refusal("#".repeat(many) + "\n" + "&a ".repeat(many));
    refusal(lines(30_000, i -> "key" + i + ": 1\n"));
    refusal("schedule:\n  settings:\n" + lines(30_000, i -> "    key" + i + ": 1\n"));
    refusal("x".repeat(YamlReader.MOST_BYTES + 1));
    // Every alias doubles what the one before stands for.
    refusal(
        "a0: &a0 x\n" + lines(50, i -> "a%d: &a%d [*a%d, *a%d]\n".formatted(i + 1, i + 1, i, i)));
  }

  private static String lines(int count, IntFunction<String> line) {
    return IntStream.range(0, count).mapToObj(line).collect(Collectors.joining());
  }

  @Test
  void messagesHoldNothingThatSteersATerminal() {
    String message = refusal("\"\\e[2J\\n\\u202Eevil\": 1");
    assertTrue(message.chars().noneMatch(c -> c < ' ' || c == 0x202E), message);
  }

  @Test
  void survivesMutilatedFiles() {
    String good = ConfigTest.SCHEMA.template().replace("train:", "train: \"a\\tb\"");
    String alphabet = "\n\t :-[]{}&*!|>'\"%@`#,?0a\\\u00e9\u2028\uFEFF\u0000";
    SplittableRandom chance = new SplittableRandom(7);
    AtomicInteger accepted = new AtomicInteger();
    AtomicInteger refused = new AtomicInteger();
    assertTimeoutPreemptively(
        LIMIT,
        () -> {
          for (int round = 0; round < 3000; round++) {
            StringBuilder text = new StringBuilder(good);
            for (int edits = 1 + chance.nextInt(8); edits > 0 && !text.isEmpty(); edits--) {
              int at = chance.nextInt(text.length());
              char c = alphabet.charAt(chance.nextInt(alphabet.length()));
              switch (chance.nextInt(4)) {
                case 0 -> text.setCharAt(at, c);
                case 1 -> text.insert(at, c);
                case 2 -> text.delete(at, Math.min(text.length(), at + chance.nextInt(20)));
                default -> text.setLength(at);
              }
            }
            try {
              Config.parse(text.toString(), "x.yaml", ConfigTest.SCHEMA, List.of());
              accepted.incrementAndGet();
            } catch (ConfigException e) {
              refused.incrementAndGet();
            }
          }
        });
    assertTrue(accepted.get() > 100, accepted + " accepted");
    assertTrue(refused.get() > 100, refused + " refused");
  }
}

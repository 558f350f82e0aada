package dev.quern.transformer.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.io.npy.NpyFile;
import dev.quern.transformer.Golden;
import dev.quern.transformer.WideHeads;
import dev.quern.transformer.model.Model;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.model.TextGenerator;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class CommandLineTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path llama = Golden.of("llama/llama-F32.gguf");

  private record Outcome(int code, String out, String err) {
    String line() {
      return out.strip();
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

  private static Outcome failed(int code, Object... args) {
    Outcome o = run(args);
    assertEquals(code, o.code, o.err);
    return o;
  }

  @Test
  void tellsTheVersionThatTheBuildWroteIntoIt() {
    String out = done("--version").out;
    assertTrue(out.matches("(?s)quern \\d+\\.\\d+.*"), out);
  }

  @Test
  void generatePrintsTheContinuationAloneAndTimingsBeside() throws Exception {
    JsonNode cases = JSON.readTree(Golden.of("llama/greedy.json").toFile());
    assertTrue(cases.size() > 2, cases.toString());
    for (JsonNode c : cases) {
      Path model = Golden.of("llama/" + c.path("model").asText());
      Outcome o = done("generate", "-m", model, "-p", c.path("prompt").asText(), "-n", 60);
      assertEquals(c.path("text").asText() + System.lineSeparator(), o.out);
      assertTrue(o.err.contains("tokens/s"), o.err);
    }
  }

  @Test
  void promptsAreEncodedAsTextGeneratorDoes() {
    String prompt = "The quern</s>";
    List<String> printed = new ArrayList<>();
    for (boolean parse : new boolean[] {true, false}) {
      Stream<Object> args =
          Stream.of("generate", "-m", llama, "-p", prompt, "-n", 6, "--ignore-end");
      Stream<Object> more = parse ? Stream.of() : Stream.of("--no-parse-special");
      Outcome o = done(Stream.concat(args, more).toArray());
      printed.add(o.out);
      try (Model model = Models.open(llama)) {
        Map<String, Object> same = Map.of("maxTokens", 6, "ignoreEnd", true, "parseSpecial", parse);
        var expected =
            TextGenerator.of(model).generate(new TextGenerator.Request(prompt, same)).text();
        assertEquals(expected + System.lineSeparator(), o.out);
      }
    }
    assertNotEquals(printed.getFirst(), printed.getLast());
  }

  /** The golden folder, whose makers recommend sampling. */
  private static Path sampling(Path dir) throws Exception {
    Path folder = Files.createDirectory(dir.resolve("hf"));
    try (var files = Files.list(Golden.of("llama/hf"))) {
      for (Path f : files.toList()) {
        Files.copy(f, folder.resolve(f.getFileName().toString()));
      }
    }
    Files.writeString(
        folder.resolve("generation_config.json"),
        "{\"do_sample\":true,\"temperature\":3.0,\"top_k\":30,\"repetition_penalty\":1.1}");
    return folder;
  }

  @Test
  void generateHasTheDefaultsOfTextGeneratorButSamplesOnlyIfTold(@TempDir Path dir)
      throws Exception {
    Path folder = sampling(dir);
    sameText(folder, Map.of("temperature", 0));
    sameText(folder, Map.of("temperature", 0, "maxTokens", 9), "-n", 9);
    sameText(folder, Map.of("topK", 7, "seed", 3), "--top-k", 7, "--seed", 3);
    sameText(folder, Map.of("minP", 0.01), "--min-p", 0.01);
    sameText(folder, Map.of("temperature", 2.5), "--temp", 2.5);
    sameText(folder, Map.of("temperature", 0, "repetitionPenalty", 2), "--repetition-penalty", 2);
    sameText(folder, Map.of("temperature", 0), "-n", 100_000);
    sameText(llama, Map.of());
    sameText(llama, Map.of("temperature", 1, "topP", 0.9), "--top-p", 0.9);
  }

  /** With these options the command prints what the library gives for these parameters. */
  private static void sameText(Path path, Map<String, Object> parameters, Object... options) {
    Stream<Object> head = Stream.of("generate", "-m", path, "-p", "The quern");
    Outcome o = done(Stream.concat(head, Stream.of(options)).toArray());
    try (Model model = Models.open(path)) {
      var request = new TextGenerator.Request("The quern", parameters);
      var expected = TextGenerator.of(model).generate(request).text();
      assertEquals(expected + System.lineSeparator(), o.out, parameters.toString());
    }
  }

  @Test
  void theSameSeedSamplesTheSameText() {
    Object[] args = {
      "generate",
      "-m",
      llama,
      "-p",
      "The",
      "-n",
      12,
      "--temp",
      1.5,
      "--top-k",
      40,
      "--top-p",
      0.9,
      "--min-p",
      0.01,
      "--seed",
      7,
      "--threads",
      1
    };
    assertEquals(done(args).out, done(args).out);
  }

  @Test
  void logitsAreWrittenForEveryPosition(@TempDir Path dir) throws Exception {
    int[] tokens = JSON.readValue(Golden.of("llama/tokens.json").toFile(), int[].class);
    String ids = String.join(",", IntStream.of(tokens).mapToObj(String::valueOf).toList());
    Path out = dir.resolve("logits.npy");
    done("logits", "-m", llama, "--tokens", ids, "-o", out, "--precision", "exact");
    float[] golden = NpyFile.read(Golden.of("llama/llama-F32.logits.npy")).floats();
    assertArrayEquals(golden, NpyFile.read(out).floats(), 2e-3f);
    assertEquals(tokens.length, NpyFile.read(out).spec().shape().dim(0));
  }

  @Test
  void theCacheIsStoredAsAsked(@TempDir Path dir) throws Exception {
    Path wide = WideHeads.write(llama, dir.resolve("wide.gguf"), 32);
    float[] f32 = {};
    for (String type : new String[] {"f32", "F16", "bf16", "q8_0", "f8_e4m3", "fp8"}) {
      Path out = dir.resolve(type + ".npy");
      done("logits", "-m", wide, "--tokens", "1,284,259,319", "-o", out, "--cache-type", type);
      float[] logits = NpyFile.read(out).floats();
      f32 = type.equals("f32") ? logits : f32;
      double error = Golden.nmse(logits, f32);
      assertTrue(type.equals("f32") || (error > 0 && error < 1e-3), type + ": " + error);
    }
    Outcome narrow =
        failed(
            1,
            "logits",
            "-m",
            llama,
            "--tokens",
            "1",
            "-o",
            dir.resolve("x.npy"),
            "--cache-type",
            "q8_0");
    assertTrue(narrow.err.contains("have 16"), narrow.err);
    Outcome encoder =
        failed(
            1,
            "logits",
            "-m",
            Golden.of("bert/hf"),
            "--tokens",
            "1,2,3",
            "-o",
            dir.resolve("x.npy"),
            "--cache-type",
            "f16");
    assertTrue(encoder.err.contains("--cache-type"), encoder.err);
    failed(
        2,
        "logits",
        "-m",
        llama,
        "--tokens",
        "1",
        "-o",
        dir.resolve("x.npy"),
        "--cache-type",
        "q4_0");
  }

  @Test
  void anEncoderGivesHiddenStates(@TempDir Path dir) throws Exception {
    Path out = dir.resolve("hidden.npy");
    done("logits", "-m", Golden.of("bert/hf"), "--tokens", "1,2,3", "-o", out);
    assertArrayEquals(new long[] {3, 32}, NpyFile.read(out).spec().shape().dims());
  }

  @Test
  void tokensThereAndBack(@TempDir Path dir) throws Exception {
    String text = "Quern mills grain. Käse, 日本";
    String ids = done("tokenize", "-m", llama, text).line();
    Path file = dir.resolve("text.txt");
    Files.writeString(file, text);
    assertNotEquals(ids, done("tokenize", "-m", llama, "@" + file).line());
    assertEquals(ids, done("tokenize", "-m", llama, "--file", file).line());
    assertTrue(done("tokenize", "-m", llama, "--special", text).line().endsWith(ids));
    Object[] back =
        Stream.concat(
                Stream.of("detokenize", "-m", llama), Stream.of((Object[]) ids.split(" ", -1)))
            .toArray();
    assertEquals(text, done(back).line());
  }

  @Test
  void quantisedFilesRunAndInspectNamesTheirTypes(@TempDir Path dir) {
    Path out = dir.resolve("q8.gguf");
    done("quantize", llama, out, "q8_0");
    String inspected = done("inspect", out).out;
    assertTrue(
        inspected.contains("Q8_0") && inspected.contains("general.file_type = 7"), inspected);
    done("generate", "-m", out, "-p", "The", "-n", 4);
    Outcome twice = run("quantize", out, dir.resolve("q4.gguf"), "Q4_0");
    assertEquals(1, twice.code);
    assertTrue(twice.err.contains("rounding twice"), twice.err);
  }

  @Test
  void perplexityOfAKnownTextIsLow(@TempDir Path dir) throws Exception {
    Path file = dir.resolve("text.txt");
    Files.copy(Golden.of("corpus.txt"), file);
    String out = done("perplexity", "-m", llama, "-f", file, "-c", 32).line();
    assertTrue(out.startsWith("perplexity ") && out.contains("+/-"), out);
    assertTrue(Double.parseDouble(out.split(" ", -1)[1]) < 20, out);
  }

  @Test
  void progressIsShownOnlyIfStandardErrorIsATerminal(@TempDir Path dir) {
    Object[] perplexity = {"perplexity", "-m", llama, "-f", Golden.of("corpus.txt"), "-c", 64};
    Object[] quantize = {"quantize", llama, dir.resolve("q8.gguf"), "Q8_0"};
    assertEquals("", done(perplexity).err);
    assertFalse(done(quantize).err.contains("\u001b"));
    System.setProperty("quern.terminal", "true");
    try {
      Outcome o = done(perplexity);
      assertTrue(o.err.contains(" windows, "), o.err);
      assertTrue(o.out.startsWith("perplexity "), o.out);
      assertTrue(done(quantize).err.contains("token_embd.weight"));
    } finally {
      System.clearProperty("quern.terminal");
    }
  }

  @Test
  void benchPrintsAJsonLinePerTest() throws Exception {
    String out =
        done("bench", "-m", llama, "-p", 8, "-n", 4, "-d", 2, "-t", 2, "-r", 2, "--json").out;
    List<String> lines = out.strip().lines().toList();
    assertEquals(2, lines.size(), out);
    for (String field :
        List.of(
            "test",
            "n_prompt",
            "n_gen",
            "depth",
            "threads",
            "samples_tokens_per_second",
            "median_tokens_per_second",
            "model",
            "dtype",
            "kernels",
            "precision",
            "cache")) {
      assertTrue(JSON.readTree(lines.getFirst()).has(field), field);
    }
    assertEquals(2, JSON.readTree(lines.getLast()).path("samples_tokens_per_second").size());
    Object[] prefill = {"bench", "-m", llama, "-p", 8, "-n", 0, "-r", 1, "--json"};
    String kernels = JSON.readTree(done(prefill).line()).path("kernels").asText();
    assertFalse(kernels.isEmpty());
  }

  @Test
  void devicesSaysWhatWasFoundChosenAndRefused() {
    String out = done("devices").out;
    for (String word : List.of("cpu:", "cuda", "reference", "threads:", "override:")) {
      assertTrue(out.contains(word), out);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "generate",
        "logits",
        "tokenize",
        "detokenize",
        "perplexity",
        "inspect",
        "quantize",
        "export",
        "classify",
        "devices",
        "bench"
      })
  void helpIsEverywhere(String command) {
    Outcome o = command.isEmpty() ? done("--help") : done(command, "--help");
    assertTrue(o.out.contains("Usage: quern"), o.out);
  }

  @Test
  void aWrongCommandLineExitsWith2() {
    assertEquals(2, run("generate", "-m", llama).code);
    assertEquals(2, run("perplexity", "-f", "x").code);
    assertEquals(2, run("nonsense").code);
    for (String option :
        List.of("--top-p", "--top-k", "--min-p", "--temp", "--tokens", "--repetition-penalty")) {
      Outcome o = run("generate", "-m", llama, "-p", "x", option + "=-1");
      assertEquals(2, o.code, option);
      assertTrue(o.err.contains(option + ": parameter '"), o.err);
    }
    assertEquals(2, run("generate", "-m", llama, "-p", "x", "--top-p", 2).code);
    assertEquals(2, run("generate", "-m", llama, "-p", "x", "--stop", "").code);
    assertEquals(2, run("generate", "-m", llama, "-p", "x", "--threads", 0).code);
    assertEquals(2, run("quantize", llama, llama, "Q8_0").code);
    assertEquals(2, run("quantize", llama, "out.gguf", "Q9").code);
    assertEquals(2, run("bench", "-m", llama, "-r", 0).code);
  }

  @Test
  void workThatFailsExitsWith1InOneLine(@TempDir Path dir) throws Exception {
    Path broken = dir.resolve("broken.gguf");
    Files.write(broken, new byte[] {'G', 'G', 'U', 'F', 3, 0, 0, 0});
    for (Outcome o :
        List.of(
            run("generate", "-m", dir.resolve("absent.gguf"), "-p", "x"),
            run("generate", "-m", broken, "-p", "x"),
            run("inspect", broken),
            run("generate", "-m", Golden.of("bert/hf"), "-p", "x"))) {
      assertEquals(1, o.code, o.err);
      assertTrue(o.err.startsWith("quern: ") && o.err.strip().lines().count() == 1, o.err);
    }
  }
}

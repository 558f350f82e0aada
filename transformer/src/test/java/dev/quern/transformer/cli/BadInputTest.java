package dev.quern.transformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.core.io.safetensors.SafetensorsWriter;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.Golden;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What is refused, with which exit code and in which words; and what hostile files may print. */
class BadInputTest {
  private final Path llama = Golden.of("llama/llama-F32.gguf"); // context 256, 320 tokens

  @TempDir private Path dir;

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

  private static void refused(int code, String says, Object... args) {
    Outcome o = run(args);
    assertTrue(o.err.contains(says), o.err);
    assertEquals(code, o.code, o.err);
    if (code == 1) {
      assertEquals(1, o.err.strip().lines().count(), o.err);
    }
  }

  @AfterEach
  void clear() {
    System.clearProperty("quern.kernels");
    System.clearProperty("quern.terminal");
  }

  @Test
  void moreTokensThanTheContextIsWrongInput() {
    String ids = "1,".repeat(256) + 1;
    String fits = " tokens, and the model's context is 256; take fewer";
    refused(1, "the prompt has ", "generate", "-m", llama, "-p", "x ".repeat(5000));
    refused(1, fits, "generate", "-m", llama, "-p", "x ".repeat(5000));
    refused(1, "--tokens gives 257" + fits, "logits", "-m", llama, "--tokens", ids, "-o", "x.npy");
    refused(
        1,
        "--tokens gives 257 tokens, and the model's context is ",
        "logits",
        "-m",
        Golden.of("bert/hf"),
        "--tokens",
        ids,
        "-o",
        "x.npy");
    refused(1, "together 257" + fits, "bench", "-m", llama, "-d", 200, "-p", 57, "-n", 0);
    refused(1, "together 2147483657", "bench", "-m", llama, "-d", 10, "-p", Integer.MAX_VALUE);
    Path corpus = Golden.of("corpus.txt");
    refused(1, "windows of 257" + fits, "perplexity", "-m", llama, "-f", corpus, "-c", 257);
  }

  @Test
  void devicesThatAreNotThereAreNamed() {
    String none = "there is no device cuda:99; there are: cpu";
    refused(1, none, "generate", "-m", llama, "-p", "x", "--device", "cuda:99");
    refused(1, none, "logits", "-m", llama, "--tokens", "1", "-o", "x.npy", "--device", "cuda:99");
    refused(1, none, "bench", "-m", llama, "--device", "cuda:99");
    refused(1, none, "perplexity", "-m", llama, "-f", Golden.of("corpus.txt"), "--device=cuda:99");
    String wrong = "--device: 'GPU' is not the name of a device; write cpu, cuda";
    refused(2, wrong, "generate", "-m", llama, "-p", "x", "--device", "GPU");
  }

  @Test
  void tokensThatAreNoneAreWrongInputAndWordsAreWrongUsage() {
    String none = "token id 320 is not in the vocabulary; take 0 to 319";
    refused(1, none, "logits", "-m", llama, "--tokens", "1,320", "-o", "x.npy");
    refused(1, none, "detokenize", "-m", llama, 320);
    refused(2, "'x' is no token id", "detokenize", "-m", llama, "x");
  }

  @Test
  void perplexitySaysWhichNumberIsWrong() throws IOException {
    Path corpus = Golden.of("corpus.txt");
    refused(2, "--context is 2; a window has", "perplexity", "-m", llama, "-f", corpus, "-c", 2);
    refused(2, "--chunks is 0; it must", "perplexity", "-m", llama, "-f", corpus, "--chunks", 0);
    Path empty = Files.writeString(dir.resolve("empty.txt"), "");
    refused(1, "empty.txt: the text has 1 tokens", "perplexity", "-m", llama, "-f", empty);
  }

  @Test
  void foldersAndMissingFilesAreNamed() {
    refused(1, dir + ": this is a folder", "perplexity", "-m", llama, "-f", dir);
    refused(1, dir + ": this is a folder", "tokenize", "-m", llama, "-f", dir);
    Path absent = dir.resolve("absent");
    refused(1, absent + ": no such file", "perplexity", "-m", llama, "-f", absent);
    refused(
        1,
        "there is no folder " + absent,
        "logits",
        "-m",
        llama,
        "--tokens",
        "1",
        "-o",
        absent.resolve("x.npy"));
  }

  @Test
  void inspectGoesByContents() throws IOException {
    Path gguf = Files.copy(llama, dir.resolve("model.bin"));
    assertTrue(run("inspect", gguf).out.contains("GGUF version 3"));
    Path safe = dir.resolve("weights.dat");
    new SafetensorsWriter()
        .tensor("w", TensorSpec.of(ScalarType.F32, 2), MemorySegment.ofArray(new float[] {1, 2}))
        .write(safe);
    assertTrue(run("inspect", safe).out.contains("1 tensors, 2 parameters"));
    for (String other : List.of("", "PK\u0003\u0004 a torch file", "# a text\n")) {
      Path file = Files.writeString(dir.resolve("other"), other);
      refused(1, "other: this is neither GGUF nor safetensors", "inspect", file);
    }
    refused(1, "absent: no such file", "inspect", dir.resolve("absent"));
  }

  @Test
  void hostileNamesDontReachTheTerminal() {
    Path file = dir.resolve("hostile.gguf");
    String evil = "\u001b]0;x\u0007\r\n\u009b2J\u202e\u2028";
    new GgufWriter()
        .put("general.architecture", GgufValue.of("llama"))
        .put("evil.key" + evil, GgufValue.of("value" + evil))
        .put("evil.list", GgufValue.of("ok"))
        .tensor(
            "name" + evil,
            TensorSpec.of(ScalarType.F32, 2),
            MemorySegment.ofArray(new float[] {1, 2}))
        .write(file);
    System.setProperty("quern.terminal", "true");
    Outcome inspected = run("inspect", file);
    assertEquals(0, inspected.code, inspected.err);
    String spelled = "\\u001b]0;x\\u0007\\r\\n\\u009b2J\\u202e\\u2028";
    assertTrue(inspected.out.contains("evil.key" + spelled + " = "), inspected.out);
    assertTrue(inspected.out.contains("value" + spelled), inspected.out);
    assertTrue(inspected.out.contains("name" + spelled), inspected.out);
    Outcome generated = run("generate", "-m", file, "-p", "x");
    Outcome quantized = run("quantize", file, dir.resolve("out.gguf"), "Q8_0");
    for (String printed : List.of(inspected.out, generated.err, quantized.err)) {
      String ours = printed.replace("\r\u001b[K", "").replace(System.lineSeparator(), "");
      assertFalse(
          ours.codePoints().anyMatch(c -> Character.isISOControl(c) || c == 0x202e || c == 0x2028),
          printed);
    }
  }

  @Test
  void longTextsAreCutBetweenCharacters() {
    assertEquals("a\\n... (4 characters)", Visible.of("a\nbc", 2));
    assertEquals("a... (4 characters)", Visible.of("a\ud83d\ude00c", 2));
    assertEquals("a\ud83d\ude00... (4 characters)", Visible.of("a\ud83d\ude00c", 3));
    assertEquals("\\ud83d!", Visible.of("\ud83d!"));
    assertEquals("K\u00e4se \u65e5\u672c", Visible.of("K\u00e4se \u65e5\u672c"));
  }

  @Test
  void wrongSettingsAreWrongUsage() {
    System.setProperty("quern.kernels", "nativ");
    String says = "-Dquern.kernels=nativ is not allowed; it takes names separated by commas, of: ";
    refused(2, says, "devices");
    refused(2, says, "generate", "-m", llama, "-p", "x");
    System.setProperty("quern.kernels", "reference");
    Outcome o = run("devices");
    assertEquals(0, o.code, o.err);
    assertTrue(o.out.contains("  vector (excluded by override): "), o.out);
    assertTrue(o.out.contains("  reference: "), o.out);
    assertTrue(o.out.contains("override: -Dquern.kernels=reference"), o.out);
    System.clearProperty("quern.kernels");
    System.setProperty("quern.terminal", "maybe");
    refused(
        2,
        "-Dquern.terminal=maybe is not allowed",
        "quantize",
        llama,
        dir.resolve("q8.gguf"),
        "Q8_0");
  }

  @Test
  void everyCommandIsListedWithAWholeSentence() {
    QuernCommand.commandLine()
        .getSubcommands()
        .forEach(
            (name, command) -> {
              String[] description = command.getCommandSpec().usageMessage().description();
              if (!name.equals("help")) {
                assertTrue(description[0].endsWith(".") && description[0].length() < 90, name);
              }
            });
  }
}

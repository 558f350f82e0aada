package dev.quern.transformer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java examples of README.md compile and run as they stand there. */
class ReadmeTest {
  private static final Pattern EXAMPLE = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);
  private static final int LONGEST = 25;

  @TempDir Path folder;

  @Test
  void text() throws Exception {
    Path model = Path.of("src/test/resources/dev/quern/transformer/golden/llama/llama-F32.gguf");
    List<String> lines = run(example(0), "Text.java", model.toAbsolutePath().toString());
    assertTrue(lines.size() >= 2, () -> String.join("\n", lines));
    assertTrue(lines.getLast().matches("\\d+ tokens, (STOP|LENGTH)"), lines.getLast());
  }

  @Test
  void sequencesInPages() throws Exception {
    Path model = Path.of("src/test/resources/dev/quern/transformer/golden/llama/llama-F32.gguf");
    List<String> lines = run(example(1), "Pages.java", model.toAbsolutePath().toString());
    assertEquals(List.of("1 of 512 pages are held"), lines);
  }

  @Test
  void tensors() throws Exception {
    List<String> lines = run(example(2), "Tensors.java");
    assertEquals(2, lines.size(), () -> String.join("\n", lines));
    assertTrue(lines.getFirst().matches("\\[([-.0-9E]+(, )?){3}\\]"), lines.getFirst());
    assertEquals(lines.getFirst(), lines.getLast(), "eager and replayed");
  }

  private static String example(int index) throws IOException {
    var examples = EXAMPLE.matcher(Files.readString(Path.of("..", "README.md")));
    for (int i = 0; i <= index; i++) {
      assertTrue(examples.find(), "README.md has example " + index);
    }
    String source = examples.group(1);
    assertTrue(source.lines().count() <= LONGEST, "an example is at most " + LONGEST + " lines");
    return source;
  }

  /** What the example prints, started the way the README says. */
  private List<String> run(String source, String file, String... arguments) throws Exception {
    Path example = Files.writeString(folder.resolve(file), source);
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp", classPath()));
    command.add(example.toString());
    command.addAll(List.of(arguments));
    Path errors = folder.resolve("stderr");
    Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(process.waitFor(60, TimeUnit.SECONDS), "it ends");
    assertEquals(0, process.exitValue(), () -> read(errors));
    assertFalse(output.isBlank());
    return output.lines().toList();
  }

  /** Everything this test sees, from its module path and its class path. */
  private static String classPath() {
    return System.getProperty("jdk.module.path", "")
        + File.pathSeparator
        + System.getProperty("java.class.path", "");
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return e.toString();
    }
  }
}

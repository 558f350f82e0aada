package dev.quern.transformer.train.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.AtomicFolder;
import dev.quern.transformer.cli.QuernCommand;
import dev.quern.transformer.train.RunCheckpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills a training process at random moments, as {@code kill -9} does, and goes on each time:
 * nothing torn, and in the end the weights of a run that nobody disturbed. {@code
 * -Dquern.test.kills=200} kills it more often.
 */
class KillTest {
  private static final int KILLS = Integer.getInteger("quern.test.kills", 10);
  private static final int STEPS = 600;
  private static final int EVERY = 7;

  @TempDir private Path folder;

  private Path config(String output) throws IOException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 400; i++) {
      text.append("line ").append(i * i % 97).append(" of many\n");
    }
    Path corpus = folder.resolve("corpus.txt");
    Files.writeString(corpus, text);
    Path file = folder.resolve(output + ".yaml");
    Files.writeString(
        file,
        """
        output: %s
        steps: %d
        model: {family: gpt2, layers: 1, dim: 16, heads: 2, dropout: 0.1}
        tokenizer: {kind: characters}
        data: {files: [%s]}
        batch: {size: 4, context: 16}
        evaluate: {every: 50}
        checkpoint: {every: %d, keep: 2}
        optimizer: {average: 0.9}
        log: {progress: false, tensorboard: false}
        """
            .formatted(folder.resolve(output), STEPS, corpus, EVERY));
    return file;
  }

  private Process start(Path config) throws IOException {
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(
        List.of(
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            classPath(),
            QuernCommand.class.getName(),
            "train",
            config.toString(),
            "--resume"));
    return new ProcessBuilder(line)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("out.txt").toFile()))
        .start();
  }

  private static String classPath() {
    String modules = System.getProperty("jdk.module.path");
    String classes = System.getProperty("java.class.path");
    return modules == null ? classes : modules + System.getProperty("path.separator") + classes;
  }

  @Test
  void aKilledRunEndsWithTheWeightsOfAnUndisturbedOne() throws Exception {
    assertEquals(0, QuernCommand.run("train", config("whole").toString()));
    Path config = config("killed");
    Random random = new Random(KILLS);
    RunCheckpoints checkpoints = null;
    long last = 0;
    int kills = 0;
    int starts = 0;
    while (kills < KILLS) {
      Process p = start(config);
      starts++;
      // The first one learns how long a start takes; then any moment of a run may be hit.
      if (p.waitFor(200 + random.nextInt(2500), TimeUnit.MILLISECONDS)) {
        assertEquals(0, p.exitValue(), Files.readString(folder.resolve("out.txt")));
        // It came to its end: begin again, to be killed again.
        assertSameAsWhole();
        AtomicFolder.delete(folder.resolve("killed"));
        last = 0;
        continue;
      }
      p.destroyForcibly().waitFor();
      kills++;
      checkpoints = new RunCheckpoints(folder.resolve("killed/checkpoints"));
      RunCheckpoints.Saved saved =
          checkpoints.latest(
              damage -> {
                throw new AssertionError(damage);
              });
      long now = saved == null ? 0 : saved.state().step();
      assertTrue(now >= last, now + " after " + last);
      last = now;
    }
    Process p = start(config);
    assertEquals(0, p.waitFor(), Files.readString(folder.resolve("out.txt")));
    assertSameAsWhole();
    assertTrue(starts >= KILLS);
  }

  private void assertSameAsWhole() throws IOException {
    for (String file :
        List.of(
            "model/model.safetensors",
            "checkpoints/step-%08d/optimizer.safetensors".formatted(STEPS),
            "model/tokenizer.json")) {
      assertArrayEquals(
          Files.readAllBytes(folder.resolve("whole").resolve(file)),
          Files.readAllBytes(folder.resolve("killed").resolve(file)),
          file);
    }
    // Each step stands in the log once.
    List<String> rows = Files.readAllLines(folder.resolve("killed/log.jsonl"));
    assertEquals(
        Files.readAllLines(folder.resolve("whole/log.jsonl")).size(), rows.size(), "log.jsonl");
  }
}

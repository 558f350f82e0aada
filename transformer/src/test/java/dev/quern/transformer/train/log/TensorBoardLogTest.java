package dev.quern.transformer.train.log;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.transformer.evaluate.ConfusionMatrix;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The events of make_events.py, which TensorBoard itself wrote, byte for byte. */
class TensorBoardLogTest {
  private static final InstantSource CLOCK =
      InstantSource.fixed(Instant.ofEpochSecond(1_700_000_000, 250_000_000));
  private static final String CONFIGURATION = "# The rate.\nrate: 0.001\n";

  @TempDir private Path folder;

  private static RunStart start(long firstStep) {
    return new RunStart("nano", CONFIGURATION, firstStep, 300, 10_646_784, "gpt2, 4 layers");
  }

  @Test
  void writesWhatTensorBoardWrites() throws IOException {
    try (TensorBoardLog log = new TensorBoardLog(folder, CLOCK)) {
      log.started(start(1));
      log.step(new StepReport(1, 4.25, 1e-3, 2.5, 1024, 1_000_000_000, 52_428_800));
      log.step(
          new StepReport(
              200, Double.NaN, 5e-4, Double.POSITIVE_INFINITY, 1024, 500_000_000, 30_000_000_000L));
      Map<String, Double> metrics = new LinkedHashMap<>();
      metrics.put("loss", 1.875);
      metrics.put("accuracy", 0.85);
      ConfusionMatrix matrix = ConfusionMatrix.ofCounts(new long[][] {{9, 1}, {2, 8}});
      log.evaluated(new EvaluationReport(200, "validation", metrics, matrix));
      log.values(200, "gradient/h", new float[] {-1.5f, 0, 0.25f, 0.25f, 7, 3.3f});
      float inf = Float.POSITIVE_INFINITY;
      log.values(200, "gradient/broken", new float[] {2, Float.NaN, inf, -inf, 2});
      log.values(200, "gradient/none", new float[0]);
      log.text(200, "sample", "ROMEO: **é**");
    }
    assertArrayEquals(golden("run.tfevents"), Files.readAllBytes(files().getFirst()));
  }

  @Test
  void aResumedRunWritesAFileAfterTheOthers() throws IOException {
    for (int process = 0; process < 2; process++) {
      try (TensorBoardLog log = new TensorBoardLog(folder, CLOCK)) {
        log.started(start(1));
      }
    }
    Files.createFile(folder.resolve("events.out.tfevents.1700000100.another"));
    Files.createFile(folder.resolve("notes.txt"));
    try (TensorBoardLog log = new TensorBoardLog(folder, CLOCK)) {
      log.started(start(101));
      log.step(new StepReport(101, 2.5, 1e-3, 1.5, 1024, 1_000_000_000, 52_428_800));
      log.finished(new RunEnd(101, "all steps made", Map.of("loss", 1.875)));
    }
    List<Path> files = files();
    assertEquals(
        List.of(
            "events.out.tfevents.1700000000.quern",
            "events.out.tfevents.1700000001.quern",
            "events.out.tfevents.1700000100.another",
            "events.out.tfevents.1700000101.quern",
            "notes.txt"),
        files.stream().map(f -> f.getFileName().toString()).toList());
    assertArrayEquals(golden("resumed.tfevents"), Files.readAllBytes(files.get(3)));
  }

  @Test
  void everyEventIsInTheFileAtOnce() throws IOException {
    try (TensorBoardLog log = new TensorBoardLog(folder, CLOCK)) {
      log.started(start(1));
      long before = Files.size(files().getFirst());
      log.text(1, "a", "b");
      assertTrue(Files.size(files().getFirst()) > before);
    }
  }

  @Test
  void needsARun() {
    try (TensorBoardLog log = new TensorBoardLog(folder, CLOCK)) {
      assertThrows(IllegalStateException.class, () -> log.text(1, "a", "b"));
    }
  }

  @Test
  void bucketsHoldEveryValue() {
    float[] values = new float[10_001];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(i) * 1e-3f - 7;
    }
    double[][] buckets = Histogram.of(values);
    double sum = 0;
    for (int b = 0; b < buckets.length; b++) {
      sum += buckets[b][2];
      assertTrue(b == 0 || buckets[b][0] == buckets[b - 1][1], "bucket " + b);
    }
    assertEquals(values.length, sum);
    assertEquals(-7.001, buckets[0][0], 1e-6);
    assertEquals(-6.999, buckets[29][1], 1e-6);
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  private static byte[] golden(String name) throws IOException {
    try (InputStream in = TensorBoardLogTest.class.getResourceAsStream(name)) {
      return in.readAllBytes();
    }
  }
}

package dev.quern.transformer.train.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.FormatException;
import dev.quern.transformer.evaluate.ConfusionMatrix;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RowLogsTest {
  @TempDir private Path folder;

  private static RunStart start(long firstStep) {
    return new RunStart("run", "", firstStep, 300, 1, "model");
  }

  private static StepReport report(long step) {
    return new StepReport(step, 1.0 / step, 1e-3, Double.NaN, 64, 500_000_000, 1000);
  }

  /** Makes steps {@code from} to {@code to}, with an evaluation after every second one. */
  private static void run(TrainingListener log, long from, long to) {
    log.started(start(from));
    for (long s = from; s <= to; s++) {
      log.step(report(s));
      if (s % 2 == 0) {
        log.evaluated(evaluation(s));
      }
    }
    log.close();
  }

  private static EvaluationReport evaluation(long step) {
    return new EvaluationReport(step, "validation", Map.of("loss", 2.0 / step), null);
  }

  @Test
  void csvHasARowAStep() throws IOException {
    CsvLog log = new CsvLog(folder.resolve("new"));
    log.started(start(1));
    log.step(report(1));
    log.step(new StepReport(2, Double.NEGATIVE_INFINITY, 0, 2.5, 64, 0, 1L << 40));
    log.evaluated(new EvaluationReport(2, "a,\"b\"", Map.of("loss", 0.125), null));
    // Before it is closed: every row is there at once.
    assertEquals(
        """
        step,loss,rate,gradient_norm,tokens,duration_nanos,tokens_per_second,memory_bytes
        1,1.0,0.001,NaN,64,500000000,128.0,1000
        2,-Infinity,0.0,2.5,64,0,NaN,1099511627776
        """,
        Files.readString(folder.resolve("new/steps.csv")));
    assertEquals(
        "step,split,metric,value\n2,\"a,\"\"b\"\"\",loss,0.125\n",
        Files.readString(folder.resolve("new/evaluations.csv")));
    log.close();
  }

  @Test
  void aResumedLogHasEachStepOnce() throws IOException {
    Path whole = folder.resolve("whole");
    Path cut = folder.resolve("cut");
    run(new CsvLog(whole), 1, 12);
    run(new JsonLog(whole.resolve("log.jsonl")), 1, 12);
    for (long first : new long[] {1, 3, 9, 10, 11, 12, 13}) {
      for (String torn : List.of("", "1", "12,", "{\"step\":", "{\"step\":12,\"lo", "\0\0\0")) {
        run(new CsvLog(cut), 1, 12);
        run(new JsonLog(cut.resolve("log.jsonl")), 1, 12);
        for (String name : List.of("steps.csv", "evaluations.csv", "log.jsonl")) {
          append(cut.resolve(name), torn);
        }
        run(new CsvLog(cut), first, 12);
        run(new JsonLog(cut.resolve("log.jsonl")), first, 12);
        for (String name : List.of("steps.csv", "evaluations.csv", "log.jsonl")) {
          assertEquals(
              Files.readString(whole.resolve(name)),
              Files.readString(cut.resolve(name)),
              name + " resumed at " + first + " after '" + torn + "'");
        }
      }
    }
  }

  private static void append(Path file, String text) throws IOException {
    Files.writeString(file, text, StandardOpenOption.APPEND);
  }

  @Test
  void aLogCutAnywhereCanBeGoneOnWith() throws IOException {
    Path file = folder.resolve("steps.csv");
    run(new CsvLog(folder), 1, 12);
    String whole = Files.readString(file);
    for (int length = 0; length < whole.length(); length++) {
      String kept = whole.substring(0, length);
      Files.writeString(file, kept);
      long lines = kept.chars().filter(c -> c == '\n').count();
      long first = Math.max(2, lines);
      run(new CsvLog(folder), first, 12);
      String now = Files.readString(file);
      // Rows of steps before the first are lost with the cut; those after are all there, once.
      assertTrue(lines < 2 || now.equals(whole), "cut at " + length);
      assertTrue(now.startsWith("step,") && now.endsWith(whole.substring(whole.indexOf("\n3,"))));
    }
  }

  @Test
  void othersColumnsAreNotGoneOnWith() throws IOException {
    Files.writeString(folder.resolve("steps.csv"), "step,loss\n1,2\n");
    String message =
        assertThrows(FormatException.class, () -> new CsvLog(folder).started(start(2)))
            .getMessage();
    assertTrue(message.contains("steps.csv: its first line is not 'step,loss,rate"), message);
    assertEquals("step,loss\n1,2\n", Files.readString(folder.resolve("steps.csv")));
  }

  @Test
  void replayTellsWhatWasTold() throws IOException {
    Path file = folder.resolve("log.jsonl");
    JsonLog log = new JsonLog(file);
    log.started(start(1));
    List<Object> told =
        List.of(
            evaluation(0),
            report(1),
            new StepReport(2, Double.NaN, 1e-300, Double.POSITIVE_INFINITY, 0, 0, Long.MAX_VALUE),
            new EvaluationReport(
                2,
                "test \"é\"\n",
                Map.of("f1", Double.NEGATIVE_INFINITY),
                ConfusionMatrix.ofCounts(new long[][] {{9, 1}, {2, 8}})),
            report(3));
    Recorder first = new Recorder();
    for (Object o : told) {
      if (o instanceof StepReport s) {
        log.step(s);
      } else {
        log.evaluated((EvaluationReport) o);
      }
    }
    log.close();
    JsonLog.replay(file, Long.MAX_VALUE, first);
    assertEquals(told, first.heard);
    append(file, "{\"step\":4,\"lo");
    Recorder second = new Recorder();
    JsonLog.replay(file, 3, second);
    assertEquals(told.subList(0, 4), second.heard);
  }

  private static final class Recorder implements TrainingListener {
    final List<Object> heard = new ArrayList<>();

    @Override
    public void step(StepReport step) {
      heard.add(step);
    }

    @Override
    public void evaluated(EvaluationReport evaluation) {
      heard.add(evaluation);
    }
  }

  @Test
  void replayRefusesWhatIsNoLog() throws IOException {
    Path file = folder.resolve("log.jsonl");
    for (String line :
        List.of(
            "x",
            "[]",
            "{}",
            "{\"step\":1.5}",
            "{\"step\":1}",
            "{\"step\":1,\"split\":\"a\",\"metrics\":{\"loss\":\"x\"}}",
            "{\"step\":1,\"split\":\"a\",\"metrics\":{},\"confusion\":[[1,\"2\"],[3,4]]}")) {
      Files.write(
          file, ("{\"step\":0,\"split\":\"a\"}\n" + line + "\n").getBytes(StandardCharsets.UTF_8));
      String message =
          assertThrows(
                  FormatException.class,
                  () -> JsonLog.replay(file, Long.MAX_VALUE, new Recorder()),
                  line)
              .getMessage();
      assertTrue(message.contains("log.jsonl: line 2: "), message);
    }
  }

  @Test
  void listenersHearAllEvenIfOneFails() {
    Recorder last = new Recorder();
    TrainingListener all = Listeners.of(failing("first"), Listeners.of(failing("second")), last);
    RuntimeException e = assertThrows(RuntimeException.class, () -> all.step(report(1)));
    assertEquals("first", e.getMessage());
    assertEquals("second", e.getSuppressed()[0].getMessage());
    assertEquals(List.of(report(1)), last.heard);
  }

  private static TrainingListener failing(String message) {
    return new TrainingListener() {
      @Override
      public void step(StepReport step) {
        throw new IllegalStateException(message);
      }
    };
  }
}

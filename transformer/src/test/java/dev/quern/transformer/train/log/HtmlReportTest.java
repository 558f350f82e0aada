package dev.quern.transformer.train.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.transformer.evaluate.ConfusionMatrix;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HtmlReportTest {
  private static final Set<String> VOID = Set.of("meta");

  @TempDir private Path folder;

  private Path file() {
    return folder.resolve("new/report.html");
  }

  private static RunStart start(String text, long firstStep, long steps) {
    return new RunStart(text, "# " + text + "\nname: " + text, firstStep, steps, 800_000, text);
  }

  /** A run of 2,000 steps as training is: a falling, noisy loss, and evaluations. */
  static void sample(TrainingListener log, RunStart start) {
    log.started(start);
    SplittableRandom chance = new SplittableRandom(1);
    for (long s = start.firstStep(); s <= start.steps(); s++) {
      double fall = Math.exp(-s / 350.0);
      double noise = 0.12 * (chance.nextDouble() - 0.5);
      double rate = s < 100 ? s * 1e-5 : 1e-4 + 9e-4 * (1 + Math.cos(Math.PI * s / 2000)) / 2;
      double norm = s == 700 ? 90 : 0.4 + 2 * fall + 0.3 * chance.nextDouble();
      double loss = 1.55 + 2.6 * fall + noise;
      log.step(
          new StepReport(
              s, loss, rate, norm, 768, 60_000_000 + chance.nextInt(20_000_000), 412L << 20));
      if (s % 250 == 0) {
        double accuracy = 0.6 - 0.4 * fall;
        log.evaluated(
            new EvaluationReport(
                s,
                "validation",
                Map.of("loss", 1.62 + 2.5 * fall + s / 2e4, "accuracy", accuracy),
                ConfusionMatrix.ofCounts(new long[][] {{80, 15, 5}, {7, 120, 3}, {22, 18, 41}})));
      }
    }
    log.text(start.steps(), "sample", "ROMEO:\nWhat light through yonder window breaks?\n");
  }

  @Test
  void tellsTheWholeRun() throws IOException {
    HtmlReport report = new HtmlReport(file()).withClasses(List.of("no", "maybe", "yes"));
    sample(report, start("nanoGPT on tiny Shakespeare", 1, 2000));
    report.finished(new RunEnd(2000, "all steps made", Map.of("loss", 1.7)));
    report.close();
    String html = Files.readString(file());
    checkMarkup(html);
    for (String part :
        List.of(
            "<title>nanoGPT on tiny Shakespeare: training report</title>",
            "all steps made",
            "Best validation loss",
            "id=\"loss\"",
            "id=\"rate\"",
            "id=\"norm\"",
            "logarithmic scale",
            "id=\"speed\"",
            "id=\"memory\"",
            "accuracy",
            "<th scope=\"col\">maybe</th>",
            "241 of 311 right (77.49%)",
            "What light through yonder",
            "<span class=\"comment\"># nanoGPT on tiny Shakespeare</span>")) {
      assertTrue(html.contains(part), part);
    }
    for (String outside : List.of("://", "src=", "href=", "url(", "@import")) {
      assertFalse(html.contains(outside), "the report refers to something outside: " + outside);
    }
  }

  @Test
  void nothingFromOutsideBecomesMarkup() throws IOException {
    String evil =
        "</title></style></script><script>alert('x')</script><img src=x onerror=\"y\">&amp;";
    HtmlReport report = new HtmlReport(file()).withClasses(List.of(evil, evil + "2"));
    report.started(start(evil, 1, 10));
    report.step(new StepReport(1, 1, 1, 1, 1, 1, 1));
    for (int step = 1; step < 3; step++) {
      report.evaluated(
          new EvaluationReport(
              step,
              evil,
              Map.of("loss", 1.0 / step, evil, 2.0 * step),
              ConfusionMatrix.ofCounts(new long[][] {{1, 0}, {0, 1}})));
    }
    report.text(1, evil, evil + "\u0000\u001b[2J");
    report.finished(new RunEnd(1, evil, Map.of(evil, 1.0)));
    String html = Files.readString(file());
    checkMarkup(html);
    assertFalse(html.contains("<img"));
    assertFalse(html.contains("<script>alert"));
    assertTrue(html.chars().noneMatch(c -> c < ' ' && c != '\n'));
  }

  @Test
  void theScriptIsTheOneThatMayRun() throws Exception {
    HtmlReport report = new HtmlReport(file());
    report.started(start("x", 1, 1));
    report.close();
    String html = Files.readString(file());
    Matcher script = Pattern.compile("(?s)<script>(.*?)</script>").matcher(html);
    assertTrue(script.find());
    byte[] digest =
        MessageDigest.getInstance("SHA-256")
            .digest(script.group(1).getBytes(StandardCharsets.UTF_8));
    String hash = "sha256-" + Base64.getEncoder().encodeToString(digest);
    assertTrue(html.replace("&#39;", "'").contains("script-src '" + hash + "'"), hash);
    assertFalse(script.find(), "there is a second script");
  }

  @Test
  void unfinishedRunsHaveOneToo() throws IOException {
    HtmlReport report = new HtmlReport(file());
    report.close();
    assertFalse(Files.exists(file()));
    report.started(start("x", 1, 10));
    report.step(new StepReport(1, Double.NaN, 1, Double.NaN, 1, 0, 1));
    report.evaluated(new EvaluationReport(1, "a", Map.of("loss", Double.NaN), null));
    report.close();
    String html = Files.readString(file());
    checkMarkup(html);
    assertTrue(html.contains("interrupted after step 1"));
    assertTrue(html.contains("The loss of 1 step was not finite"));
    assertThrows(
        IllegalStateException.class, () -> report.step(new StepReport(2, 1, 1, 1, 1, 1, 1)));
  }

  @Test
  void aResumedRunIsToldFromItsLog() throws IOException {
    Path log = folder.resolve("log.jsonl");
    Path whole = folder.resolve("whole.html");
    try (TrainingListener first = Listeners.of(new JsonLog(log), new HtmlReport(whole))) {
      sample(first, start("x", 1, 600));
      first.finished(new RunEnd(600, "done", Map.of()));
    }
    // Goes on after step 300, as if the rest had been lost, and does the same again.
    HtmlReport report = HtmlReport.continuing(file(), log);
    report.started(start("x", 301, 600));
    JsonLog.replay(log, Long.MAX_VALUE, new After(300, report));
    report.text(600, "sample", "ROMEO:\nWhat light through yonder window breaks?\n");
    report.finished(new RunEnd(600, "done", Map.of()));
    assertEquals(Files.readString(whole), Files.readString(file()));
  }

  /** Passes on what lies after a step. */
  private record After(long step, TrainingListener to) implements TrainingListener {
    @Override
    public void step(StepReport report) {
      if (report.step() > step) {
        to.step(report);
      }
    }

    @Override
    public void evaluated(EvaluationReport report) {
      if (report.step() > step) {
        to.evaluated(report);
      }
    }
  }

  /** Every element ends where it should, ids are unique, and what is referred to is there. */
  private static void checkMarkup(String html) {
    String bare = html.replaceAll("(?s)<(style|script)([^>]*)>.*?</\\1>", "<$1$2></$1>");
    Deque<String> open = new ArrayDeque<>();
    Set<String> ids = new HashSet<>();
    Set<String> references = new HashSet<>();
    Matcher tags =
        Pattern.compile("<(/?)([a-zA-Z0-9]+)((?: [a-zA-Z-]+=\"[^\"<>]*\")*)>").matcher(bare);
    int end = bare.indexOf('\n');
    assertEquals("<!DOCTYPE html>", bare.substring(0, end));
    while (tags.find()) {
      String between = bare.substring(end, tags.start());
      assertFalse(between.contains("<") || between.contains(">"), between);
      end = tags.end();
      if (!tags.group(1).isEmpty()) {
        assertEquals(open.pop(), tags.group(2));
      } else if (!VOID.contains(tags.group(2))) {
        open.push(tags.group(2));
      }
      Matcher id = Pattern.compile(" (id|aria-labelledby)=\"([^\"]*)\"").matcher(tags.group(3));
      while (id.find()) {
        if (id.group(1).equals("id")) {
          assertTrue(ids.add(id.group(2)), "twice: " + id.group(2));
        } else {
          references.addAll(List.of(id.group(2).split(" ")));
        }
      }
    }
    assertTrue(open.isEmpty(), () -> "open: " + open);
    assertTrue(ids.containsAll(references), () -> references + " of " + ids);
  }
}

package dev.quern.transformer.train.log;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Writes the page of {@link HtmlReport}. Its look is report.css, its script report.js. */
final class ReportPage {
  private static final int MOST_METRICS = 12;
  private static final int MOST_ROWS = 200;

  private final RunRecord run;
  private final List<String> classes;
  private final Markup out = new Markup();

  ReportPage(RunRecord run, List<String> classes) {
    this.run = run;
    this.classes = classes;
  }

  String html() {
    String script = resource("report.js");
    out.raw("<!DOCTYPE html>\n");
    out.open("html", "lang", "en");
    out.open("head");
    out.empty("meta", "charset", "utf-8");
    out.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    out.empty("meta", "name", "color-scheme", "content", "light dark");
    // Nothing may be loaded, and no script runs but ours.
    out.empty(
        "meta",
        "http-equiv",
        "Content-Security-Policy",
        "content",
        "default-src 'none'; style-src 'unsafe-inline'; script-src '" + sha256(script) + "'");
    out.leaf("title", run.start.name() + ": training report");
    out.raw("<style>\n").raw(resource("report.css")).raw("</style>\n");
    out.close();
    out.open("body");
    header();
    out.open("main");
    tiles();
    charts();
    evaluations();
    confusions();
    texts();
    configuration();
    out.close();
    out.raw("<script>").raw(script).raw("</script>\n");
    out.close();
    out.close();
    return out.toString();
  }

  private void header() {
    RunEnd end = run.end;
    out.open("header");
    out.leaf("p", "Training report", "class", "eyebrow");
    out.leaf("h1", run.start.name());
    out.leaf("p", run.start.model(), "class", "model");
    String how = end == null ? "interrupted after step " + run.lastStep : end.reason();
    out.leaf("p", how, "class", end == null ? "status bad" : "status");
    long bad = run.loss.notFinite();
    if (bad > 0) {
      String many = bad == 1 ? "The loss of 1 step was" : "The losses of " + bad + " steps were";
      out.leaf("p", many + " not finite, and can't be drawn.", "class", "warning", "role", "note");
    }
    out.close();
  }

  private void tiles() {
    out.open("dl", "class", "tiles");
    for (String split : run.splits()) {
      EvaluationReport best = run.best(split);
      if (best != null) {
        double loss = best.metrics().getOrDefault("loss", Double.NaN);
        tile("Best " + split + " loss", Units.figure(loss), "at step " + best.step());
      }
    }
    if (run.end != null) {
      run.end.metrics().forEach((name, value) -> tile("Final " + name, Units.figure(value), ""));
    }
    tile("Training loss", Units.figure(run.loss.last()), "of the last step");
    tile("Steps", Long.toString(run.lastStep), "of " + run.start.steps());
    tile("Parameters", Units.count(run.start.parameters()), run.start.parameters() + " trained");
    tile("Tokens", Units.count(run.tokens), run.tokens + " seen");
    tile("Time in steps", Units.duration(run.nanos), "without evaluations");
    double speed = run.nanos > 0 ? run.tokens * 1e9 / run.nanos : Double.NaN;
    tile("Speed", Units.count(speed), "tokens a second");
    tile("Memory", Units.bytes(run.peakBytes), "at most");
    out.close();
  }

  private void tile(String name, String value, String remark) {
    out.open("div");
    out.leaf("dt", name).leaf("dd", value).leaf("dd", remark, "class", "remark");
    out.close();
  }

  private void charts() {
    out.open("section", "aria-label", "Curves");
    out.leaf("h2", "Curves");
    losses().writeTo(out, "large");
    out.open("div", "class", "grid-2");
    chart("rate", "Learning rate").linear().line("rate", "s1", run.rate.points()).writeTo(out, "");
    chart("norm", "Gradient norm, before clipping")
        .line("norm", "s1", run.gradientNorm.points())
        .writeTo(out, "");
    chart("speed", "Tokens a second")
        .linear()
        .line("speed", "s1", run.speed.points())
        .writeTo(out, "");
    memory().writeTo(out, "");
    for (String metric : otherMetrics()) {
      splits("metric-" + idOf(metric), metric, metric).writeTo(out, "");
    }
    out.close();
    out.close();
  }

  /** Without curves. All have the same steps below them. */
  private Chart chart(String id, String title) {
    return new Chart(id, title, run.firstStep(), run.lastStep);
  }

  private Chart losses() {
    Chart chart = chart("loss", "Loss").line("training", "s1", run.loss.points());
    add(chart, "loss");
    return chart;
  }

  private Chart splits(String id, String title, String metric) {
    Chart chart = chart(id, title);
    add(chart, metric);
    return chart;
  }

  /** Adds a metric's curve of each split; styles s2, s3 and s4 serve them in turn. */
  private void add(Chart chart, String metric) {
    List<String> splits = run.splits();
    for (int s = 0; s < splits.size(); s++) {
      String split = splits.get(s);
      List<EvaluationReport> with =
          run.evaluations.stream()
              .filter(e -> e.split().equals(split) && e.metrics().containsKey(metric))
              .toList();
      double[] x = with.stream().mapToDouble(EvaluationReport::step).toArray();
      double[] y =
          with.stream().mapToDouble(e -> Objects.requireNonNull(e.metrics().get(metric))).toArray();
      chart.points(split, "s" + (2 + s % 3), x, y);
    }
  }

  private Chart memory() {
    double unit = run.peakBytes >= 10L << 30 ? 1L << 30 : 1L << 20;
    return chart("memory", unit > 1L << 20 ? "Memory, GiB" : "Memory, MiB")
        .linear()
        .line("memory", "s1", run.memory.points().in(unit));
  }

  /** Metrics that have a curve of their own, in the order in which they came. */
  private List<String> otherMetrics() {
    Map<String, Boolean> names = new LinkedHashMap<>();
    for (EvaluationReport e : run.evaluations) {
      e.metrics().keySet().forEach(name -> names.put(name, true));
    }
    names.remove("loss");
    return names.keySet().stream().limit(MOST_METRICS).toList();
  }

  private static String idOf(String name) {
    return name.replaceAll("[^A-Za-z0-9_-]", "-") + "-" + Integer.toHexString(name.hashCode());
  }

  private void evaluations() {
    if (run.evaluations.isEmpty()) {
      return;
    }
    out.open("section", "aria-label", "Evaluations");
    out.leaf("h2", "Evaluations");
    List<String> names = new ArrayList<>();
    for (EvaluationReport e : run.evaluations) {
      e.metrics().keySet().stream().filter(n -> !names.contains(n)).forEach(names::add);
    }
    Set<EvaluationReport> best = Collections.newSetFromMap(new IdentityHashMap<>());
    run.splits().stream().map(run::best).filter(Objects::nonNull).forEach(best::add);
    List<EvaluationReport> rows = shownRows(best);
    // Focus lets a keyboard scroll what is wider than the page.
    out.open(
        "div",
        "class",
        "scroll tall",
        "tabindex",
        "0",
        "role",
        "region",
        "aria-label",
        "Evaluations");
    out.open("table");
    out.leaf("caption", caption(rows.size()));
    out.open("thead").open("tr");
    out.leaf("th", "Step", "scope", "col").leaf("th", "Split", "scope", "col", "class", "name");
    names.forEach(name -> out.leaf("th", name, "scope", "col"));
    out.close().close();
    out.open("tbody");
    for (EvaluationReport e : rows) {
      row(e, names, best.contains(e));
    }
    out.close();
    out.close();
    out.close();
    out.close();
  }

  private void row(EvaluationReport e, List<String> names, boolean best) {
    out.open("tr", "class", best ? "best" : "");
    out.leaf("th", Long.toString(e.step()), "scope", "row");
    out.open("td", "class", "name").text(e.split());
    if (best) {
      out.text(" ").leaf("span", "best", "class", "badge");
    }
    out.close();
    for (String name : names) {
      Double value = e.metrics().get(name);
      out.leaf("td", value == null ? "" : Units.figure(value));
    }
    out.close();
  }

  private String caption(int shown) {
    String best = "The best of each split, by its loss, is marked.";
    int all = run.evaluations.size();
    return shown == all ? best : best + " " + shown + " of " + all + " are shown.";
  }

  /** All evaluations, or as many in equal distances as can be read, with the best and the last. */
  private List<EvaluationReport> shownRows(Set<EvaluationReport> best) {
    int all = run.evaluations.size();
    int every = Math.ceilDiv(all, MOST_ROWS);
    List<EvaluationReport> rows = new ArrayList<>();
    for (int i = 0; i < all; i++) {
      EvaluationReport e = run.evaluations.get(i);
      if ((all - 1 - i) % every == 0 || best.contains(e)) {
        rows.add(e);
      }
    }
    return rows;
  }

  private void confusions() {
    for (String split : run.splits()) {
      EvaluationReport last = null;
      for (EvaluationReport e : run.evaluations) {
        last = e.split().equals(split) && e.confusion() != null ? e : last;
      }
      if (last != null && last.confusion() != null) {
        out.open("section", "aria-label", "Confusion matrix: " + split);
        out.leaf("h2", "Confusion matrix: " + split);
        new ConfusionTable(last.confusion(), classes).writeTo(out, last.step());
        out.close();
      }
    }
  }

  private void texts() {
    if (run.texts.isEmpty()) {
      return;
    }
    out.open("section", "aria-label", "Texts");
    out.leaf("h2", "Texts");
    run.texts.forEach((tag, text) -> out.leaf("h3", tag).leaf("pre", text, "class", "sample"));
    out.close();
  }

  private void configuration() {
    out.open("section", "aria-label", "Configuration");
    out.leaf("h2", "Configuration");
    out.open("pre", "class", "scroll", "tabindex", "0");
    run.start
        .configuration()
        .lines()
        .forEach(
            line -> {
              if (line.strip().startsWith("#")) {
                out.leaf("span", line, "class", "comment").text("\n");
              } else {
                out.text(line + "\n");
              }
            });
    out.close();
    out.close();
  }

  private static String sha256(String script) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(script.getBytes(StandardCharsets.UTF_8));
      return "sha256-" + Base64.getEncoder().encodeToString(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private static String resource(String name) {
    try (InputStream in = ReportPage.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("[HtmlReport] the jar lacks its file " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the jar's file " + name, e);
    }
  }
}

package dev.quern.transformer.cli;

import dev.quern.transformer.evaluate.Bootstrap;
import dev.quern.transformer.evaluate.ConfidenceInterval;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ClassifierModel;
import dev.quern.transformer.model.Model;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Task;
import dev.quern.transformer.train.Evaluation;
import dev.quern.transformer.train.config.Config;
import dev.quern.transformer.train.log.EvaluationReport;
import dev.quern.transformer.train.log.TrainingListener;
import dev.quern.transformer.train.run.TrainingKeys;
import dev.quern.transformer.train.run.TrainingRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.Spec;

/** {@code quern evaluate}: metrics of a run's model on a part of its data, or of any on any. */
@Command(
    name = "evaluate",
    description = {
      "Prints the metrics of a model.",
      "Of a run: on the part of its data that it was not trained on.",
      "With --data: of any model on any data of its task, a UTF-8 text for one that generates text,"
          + " JSON Lines for one that classifies it."
    },
    modelTransformer = ModelMixin.ModelHasDefault.class)
final class EvaluateCommand implements Callable<Integer> {
  private static final int WINDOW = 512;
  private static final List<String> OF_ROWS = List.of("--text", "--label");
  private static final List<String> OF_DATA =
      List.of(
          "--model",
          "--task",
          "--context",
          "--threads",
          "--precision",
          "--cache-type",
          "--text",
          "--label");

  @Spec private CommandSpec spec;

  @Mixin private ModelMixin model;

  @Parameters(
      arity = "0..1",
      paramLabel = "RUN",
      description = "The folder of a run of quern train.")
  private @Nullable Path run;

  @Option(
      names = "--split",
      paramLabel = "PART",
      description = "Of a run: validation or test (default: validation).")
  private @Nullable Part split;

  @Option(
      names = {"-d", "--data"},
      paramLabel = "FILE",
      description = "What to judge a model on.")
  private @Nullable Path data;

  @Option(
      names = "--task",
      paramLabel = "TASK",
      description =
          "With --data: text-generation or text-classification (default: what the model is for).")
  private @Nullable String task;

  @Option(
      names = "--text",
      paramLabel = "FIELD",
      description = "Where a row has its text (default: text).")
  private String text = "text";

  @Option(
      names = "--label",
      paramLabel = "FIELD",
      description = "Where a row has its label (default: label).")
  private String label = "label";

  @Option(
      names = {"-c", "--context"},
      paramLabel = "N",
      description =
          "With --data: tokens in a window (default: 512, or the model's context if that is less).")
  private @Nullable Integer context;

  /** What can be evaluated on. */
  private enum Part {
    VALIDATION,
    TEST
  }

  @Override
  public Integer call() throws IOException {
    if ((run == null) == (data == null)) {
      throw misused("Give either RUN, the folder of a run, or --data");
    }
    if (data != null) {
      return given(data);
    }
    String foreign = given(OF_DATA);
    if (run == null || !foreign.isEmpty()) {
      throw misused(foreign + " goes with --data; a run has its own");
    }
    Config config =
        Config.read(run.resolve("config.yaml"), TrainingKeys.schema(), List.of("output=" + run));
    String part = (split == null ? Part.VALIDATION : split).name().toLowerCase(Locale.ROOT);
    Evaluation.Tally tally = new TrainingRun(config, new TrainingListener() {}).evaluate(part);
    print(tally, tally.report(config.integer("steps"), part), config.texts("objective.labels"));
    return 0;
  }

  private int given(Path file) throws IOException {
    if (split != null) {
      throw misused("--split is for a run; all of --data is judged");
    }
    if (context != null && context < 1) {
      throw misused("--context is " + context + "; a window has at least 1 token");
    }
    Task wanted = task == null ? null : task(task);
    if (!model.isGiven() && wanted == null) {
      throw misused("Give --model, or the --task of the model that comes with Quern");
    }
    if (wanted != null) {
      model.useDefault(wanted);
    }
    try (Model open = model.open(ModelOptions.DEFAULT)) {
      if (wanted != null && wanted != open.card().task()) {
        throw unfit(open, wanted.jsonName());
      }
      switch (open) {
        case CausalLanguageModel m -> {
          if (!given(OF_ROWS).isEmpty()) {
            throw new InputException(
                given(OF_ROWS) + " is for models that classify rows; this one generates text");
          }
          Evaluation.Tally tally = GivenData.text(m, file, window(m));
          print(tally, tally.report(0, "data"), List.of());
        }
        case ClassifierModel m -> {
          if (context != null || model.hasCacheType()) {
            throw new InputException(
                "--context and --cache-type are for models that generate; this one classifies");
          }
          Evaluation.Tally tally = GivenData.classes(m, file, text, label);
          print(tally, tally.report(0, "data"), m.classifier().labels());
        }
        default -> throw unfit(open, "text-generation and text-classification");
      }
    }
    return 0;
  }

  /** The first of some options that was given, or "". */
  private String given(List<String> options) {
    ParseResult line = spec.commandLine().getParseResult();
    return options.stream().filter(line::hasMatchedOption).findFirst().orElse("");
  }

  private Task task(String name) {
    return Stream.of(Task.TEXT_GENERATION, Task.TEXT_CLASSIFICATION)
        .filter(t -> t.jsonName().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                misused(
                    "--task is '" + name + "'; it must be text-generation or text-classification"));
  }

  private int window(CausalLanguageModel m) {
    int longest = m.decoder().dimensions().contextLength();
    if (context != null) {
      InputException.checkFits("--context asks for windows of", context, longest);
      return context;
    }
    return Math.min(WINDOW, longest);
  }

  private static InputException unfit(Model open, String tasks) {
    return new InputException(
        "the model is for "
            + open.card().task().jsonName()
            + ", and --data judges models for "
            + tasks
            + " here; take another model or another --task");
  }

  private ParameterException misused(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  private void print(Evaluation.Tally tally, EvaluationReport report, List<String> labels) {
    Map<String, ConfidenceInterval> intervals = tally.intervals(Bootstrap.DEFAULT);
    PrintWriter out = spec.commandLine().getOut();
    report
        .metrics()
        .forEach(
            (name, value) -> {
              ConfidenceInterval interval = intervals.get(name);
              out.printf(
                  Locale.ROOT, "%s: %s%n", name, interval == null ? number(value) : interval);
            });
    if (report.confusion() != null) {
      out.println();
      out.print(report.confusion().toMarkdown(labels));
    }
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.6g", value);
  }
}

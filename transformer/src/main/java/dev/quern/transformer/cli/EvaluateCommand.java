package dev.quern.transformer.cli;

import dev.quern.transformer.evaluate.Bootstrap;
import dev.quern.transformer.evaluate.ConfidenceInterval;
import dev.quern.transformer.train.Evaluation;
import dev.quern.transformer.train.config.Config;
import dev.quern.transformer.train.log.EvaluationReport;
import dev.quern.transformer.train.log.TrainingListener;
import dev.quern.transformer.train.run.TrainingKeys;
import dev.quern.transformer.train.run.TrainingRun;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern evaluate}: metrics of a trained model on a part of its run's data. */
@Command(
    name = "evaluate",
    description = {
      "Prints the metrics of a run's model on the part of its data that it was not trained on.",
      "For the perplexity of any model on any text, see quern perplexity."
    })
final class EvaluateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "RUN", description = "The folder of a run of quern train.")
  private Path run;

  @Option(
      names = "--split",
      paramLabel = "PART",
      description = "validation or test (default: validation).")
  private Part split = Part.VALIDATION;

  /** What can be evaluated on. */
  private enum Part {
    VALIDATION,
    TEST
  }

  @Override
  public Integer call() {
    Config config =
        Config.read(run.resolve("config.yaml"), TrainingKeys.schema(), List.of("output=" + run));
    String part = split.name().toLowerCase(Locale.ROOT);
    Evaluation.Tally tally = new TrainingRun(config, new TrainingListener() {}).evaluate(part);
    EvaluationReport report = tally.report(config.integer("steps"), part);
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
      out.print(report.confusion().toMarkdown(config.texts("objective.labels")));
    }
    return 0;
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.6g", value);
  }
}

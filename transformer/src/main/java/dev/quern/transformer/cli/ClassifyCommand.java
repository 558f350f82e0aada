package dev.quern.transformer.cli;

import dev.quern.transformer.model.FieldException;
import dev.quern.transformer.model.Model;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Task;
import dev.quern.transformer.model.TextClassifier;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code quern classify}: which label a text has. */
@Command(
    name = "classify",
    description = {
      "Says which label a text has.",
      "Prints the label and its probability, separated by a tab; with --scores a line for each"
          + " label."
    },
    modelTransformer = ModelMixin.ModelHasDefault.class)
final class ClassifyCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private ModelMixin model;

  @Option(
      names = {"-p", "--prompt"},
      required = true,
      paramLabel = "TEXT",
      description = "The text to classify.")
  private String text;

  @Option(names = "--scores", description = "Print the probability of every label.")
  private boolean scores;

  @Override
  public Integer call() {
    model.useDefault(Task.TEXT_CLASSIFICATION);
    try (Model open = model.open(ModelOptions.DEFAULT)) {
      if (model.hasCacheType()) {
        throw new InputException(
            "--cache-type is for models that generate; a classifier has no cache");
      }
      TextClassifier.Response response = classify(TextClassifier.of(open));
      PrintWriter out = spec.commandLine().getOut();
      Map<String, Double> shown =
          scores ? response.scores() : Map.of(response.label(), response.score());
      shown.forEach(
          (label, score) ->
              out.println(Visible.of(label) + "\t" + String.format(Locale.ROOT, "%.4f", score)));
    }
    return 0;
  }

  private TextClassifier.Response classify(TextClassifier classifier) {
    try {
      return classifier.classify(new TextClassifier.Request(text, Map.of("scores", scores)));
    } catch (FieldException e) {
      throw new InputException("--prompt: " + e.getMessage());
    }
  }
}

package dev.quern.transformer.train.run;

import dev.quern.transformer.model.ModelCard;
import dev.quern.transformer.model.Task;
import dev.quern.transformer.train.config.Config;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The model card of a trained model: what it learnt from, how, and how well. */
final class RunCard {
  private static final String FIRST = "1.0.0";

  private RunCard() {}

  /**
   * A card.
   *
   * @param config of the run
   * @param family of the model
   * @param result what the run left
   * @param course how the training went
   */
  static ModelCard of(Config config, String family, RunResult result, FinalModel.Course course) {
    Task task = RunModel.task(config.text("objective.name"));
    String files =
        config.texts("data.files").stream()
            .map(f -> String.valueOf(Path.of(f).getFileName()))
            .collect(Collectors.joining(", "));
    Map<String, Double> metrics = new TreeMap<>(result.metrics());
    metrics.values().removeIf(v -> !Double.isFinite(v));
    Map<String, String> details = new TreeMap<>();
    details.put(
        "training",
        String.format(
            Locale.ROOT,
            "%d steps of %d sequences of at most %d tokens, %d tokens in all, %s, peak rate %s,"
                + " seed %d, precision %s; %.0f s",
            result.end().step(),
            config.integer("batch.size") * config.integer("batch.accumulate"),
            config.integer("batch.context"),
            course.tokens(),
            config.text("optimizer.name"),
            config.number("schedule.peak"),
            config.integer("seed"),
            config.text("precision"),
            course.seconds()));
    if (result.best()) {
      details.put(
          "checkpoint",
          "step " + result.step() + ", which had the lowest validation loss of those evaluated");
    }
    details.put(
        "split",
        "training, validation, test: "
            + config.numbers("data.split").stream().map(String::valueOf).toList());
    details.put("configuration", TrainingKeys.yaml(config));
    boolean from = config.has("model.from");
    if (!config.text("limits").isBlank()) {
      details.put("limits", config.text("limits"));
    }
    return new ModelCard(
        config.text("name"),
        FIRST,
        family,
        task,
        config.has("licence") ? config.text("licence") : null,
        files,
        metrics,
        new ModelCard.Lineage(from ? config.text("model.from") : null, List.of(), null),
        details);
  }
}

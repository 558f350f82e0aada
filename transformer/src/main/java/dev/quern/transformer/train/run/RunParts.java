package dev.quern.transformer.train.run;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Buffer;
import dev.quern.core.type.Device;
import dev.quern.core.type.Precision;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.tokenizer.DecodeOptions;
import dev.quern.transformer.tokenizer.Tokenizer;
import dev.quern.transformer.train.ClassificationEvaluation;
import dev.quern.transformer.train.Evaluation;
import dev.quern.transformer.train.LanguageModelEvaluation;
import dev.quern.transformer.train.TrainableModel;
import dev.quern.transformer.train.TrainingOptions;
import dev.quern.transformer.train.config.Config;
import dev.quern.transformer.train.loss.CrossEntropy;
import dev.quern.transformer.train.loss.Loss;
import dev.quern.transformer.train.loss.Reduction;
import dev.quern.transformer.train.optimizer.GradientClipping;
import dev.quern.transformer.train.optimizer.LossScale;
import dev.quern.transformer.train.optimizer.Optimizers;
import dev.quern.transformer.train.optimizer.ParameterGroup;
import dev.quern.transformer.train.optimizer.ParameterUpdates;
import dev.quern.transformer.train.schedule.Schedule;
import dev.quern.transformer.train.schedule.Schedules;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The parts of a run that its configuration names: what computes, what is made small, how weights
 * move, when something happens, how the model is judged.
 *
 * @param config of {@link TrainingKeys#schema()}
 */
record RunParts(Config config) {
  private static final int SCALE_INTERVAL = 2000;
  private static final int AHEAD = 4;

  Engine engine() {
    Engine.Builder builder =
        Engine.builder()
            .device(Device.of(config.text("device")))
            .precision(Precision.valueOf(config.text("precision").toUpperCase(Locale.ROOT)));
    int threads = config.int32("threads");
    return (threads == 0 ? builder : builder.threads(threads)).build();
  }

  /** What is trained. */
  Loss loss() {
    return loss(config.number("objective.label_smoothing"));
  }

  /** What is told of an evaluation: without label smoothing. */
  static Loss judgedLoss() {
    return loss(0);
  }

  private static Loss loss(double smoothing) {
    CrossEntropy each = new CrossEntropy(CrossEntropy.IGNORE, smoothing, Reduction.MEAN, null);
    return each.on(TrainableModel.LOGITS, Batch.LABELS);
  }

  ParameterUpdates updates(Engine engine, Map<String, Buffer> parameters) {
    Map<String, Double> settings = config.numbersByName("optimizer.settings");
    ParameterUpdates.Builder builder =
        ParameterUpdates.of(
                engine, Optimizers.of(config.text("optimizer.name"), settings), parameters)
            .groups(
                config.flag("optimizer.decay_vectors")
                    ? ParameterGroup.all()
                    : ParameterGroup.usual())
            .clipping(clipping())
            .skippingNonFinite();
    if (!Double.isNaN(schedule().momentum(0))) {
      builder.movingMomentum();
    }
    return (scalesLoss() ? builder.lossScaling() : builder).build();
  }

  private GradientClipping clipping() {
    double value = config.number("optimizer.clip_value");
    double norm = config.number("optimizer.clip_norm");
    if (value > 0) {
      return GradientClipping.byValue(value);
    }
    return norm > 0 ? GradientClipping.byNorm(norm) : GradientClipping.none();
  }

  boolean scalesLoss() {
    return config.number("optimizer.loss_scale") > 0;
  }

  LossScale scale() {
    double first = config.number("optimizer.loss_scale");
    return config.flag("optimizer.dynamic_scale")
        ? LossScale.dynamic(first, SCALE_INTERVAL)
        : LossScale.fixed(first);
  }

  Schedule schedule() {
    String name = config.text("schedule.name");
    Map<String, Double> settings = new HashMap<>(config.numbersByName("schedule.settings"));
    settings.put("peak", config.number("schedule.peak"));
    if (Schedules.settings(name).contains("steps")) {
      settings.putIfAbsent("steps", (double) config.integer("steps"));
    }
    return Schedules.of(name, settings);
  }

  /** How a model with these labels, or none, is judged. */
  Evaluation evaluation(Tokenizer tokenizer, List<String> labels) {
    return config.text("objective.name").equals("classification")
        ? new ClassificationEvaluation(labels)
        : new LanguageModelEvaluation(
            id -> tokenizer.decodeBytes(new int[] {id}, DecodeOptions.TEXT).length);
  }

  TrainingOptions options() {
    return new TrainingOptions(
        config.integer("steps"),
        config.integer("seed"),
        config.int32("batch.accumulate"),
        config.number("model.dropout"),
        config.flag("model.recompute"),
        config.integer("evaluate.every"),
        config.flag("evaluate.first"),
        config.integer("checkpoint.every"),
        config.int32("checkpoint.keep"),
        config.flag("checkpoint.keep_best"),
        config.int32("evaluate.patience"),
        config.integer("log.histograms_every"),
        AHEAD);
  }
}

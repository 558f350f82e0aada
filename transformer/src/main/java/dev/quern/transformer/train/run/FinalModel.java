package dev.quern.transformer.train.run;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.AtomicFolder;
import dev.quern.transformer.model.ModelCard;
import dev.quern.transformer.train.FamilyModel;
import dev.quern.transformer.train.RunCheckpoints;
import dev.quern.transformer.train.TrainingException;
import dev.quern.transformer.train.config.Config;
import dev.quern.transformer.train.log.RunEnd;
import dev.quern.transformer.train.optimizer.Ema;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Makes the model that a run leaves of one of its checkpoints: the best, or the last, with the
 * averages of its weights if the run keeps them.
 *
 * @param config of the run
 * @param models opens its folders
 * @param checkpoints of the run
 * @param target the model's folder
 */
record FinalModel(Config config, RunModel models, RunCheckpoints checkpoints, Path target) {
  private static final String KEY = "checkpoint.model";
  private static final String BEST = "best";

  /**
   * How the training went.
   *
   * @param end of it
   * @param best the step with the lowest validation loss, if there was an evaluation
   * @param bestLoss that loss
   * @param tokens how many the whole run learnt from
   * @param seconds how long this process trained
   */
  record Course(RunEnd end, OptionalLong best, double bestLoss, long tokens, double seconds) {}

  /** Refuses to look for a best checkpoint where nothing tells or keeps it. */
  static void check(Config config, boolean validates) {
    if (!config.has(KEY) || !config.text(KEY).equals(BEST)) {
      return;
    }
    if (!config.flag("checkpoint.keep_best")) {
      throw new TrainingException(
          "[checkpoint.model] is best, but checkpoint.keep_best is false, so that it is not there"
              + " in the end; set it to true, or take last");
    }
    if (!validates) {
      throw new TrainingException(
          "[checkpoint.model] is best, but data.split leaves no validation part to choose by; give"
              + " it a share, or take last");
    }
  }

  /** Writes the model with its card. */
  RunResult write(Engine engine, Course course, Consumer<String> notices) {
    boolean wantsBest =
        config.has(KEY)
            ? config.text(KEY).equals(BEST)
            : config.flag("checkpoint.keep_best") && course.best.isPresent();
    RunEnd end = course.end;
    long step = wantsBest ? course.best.orElse(end.step()) : end.step();
    if (step == 0) { // of which there is no checkpoint
      boolean judged = course.best.isPresent();
      Map<String, Double> metrics = judged ? Map.of("loss", course.bestLoss) : Map.of();
      RunResult untrained = new RunResult(end, target, 0, wantsBest && judged, metrics);
      write(engine, models.start(), null, untrained, course);
      return untrained;
    }
    boolean isKept = checkpoints.steps().contains(step);
    if (wantsBest && !isKept) {
      notices.accept(
          "[checkpoint.model] the checkpoint of step "
              + step
              + ", which had the lowest validation loss, is not there any more, as keep_best was"
              + " false; the model is that of the last step");
    }
    RunCheckpoints.Saved saved = wantsBest && isKept ? checkpoints.at(step, notices) : null;
    boolean isBest = saved != null;
    saved = saved == null ? checkpoints.at(end.step(), notices) : saved;
    if (saved == null) {
      throw new TrainingException(
          target
              + " can't be written: the checkpoint of step "
              + end.step()
              + " was there and is not any more; go on with --resume");
    }
    RunResult result =
        new RunResult(end, target, saved.state().step(), isBest, saved.state().metrics());
    write(engine, saved.folder(), saved, result, course);
    return result;
  }

  private void write(
      Engine engine,
      Path from,
      RunCheckpoints.@Nullable Saved saved,
      RunResult result,
      Course course) {
    double decay = saved == null ? 0 : config.number("optimizer.average");
    try (FamilyModel model = models.open(engine, from);
        Ema ema = decay == 0 ? null : new Ema(engine, model.parameters(), decay, true)) {
      if (ema != null && saved != null) {
        saved.restore(engine, ema.state());
      }
      ModelCard card = RunCard.of(config, model.family(), result, course);
      AtomicFolder.write(
          target,
          temporary -> {
            try (Ema.Swap _ = ema == null ? () -> {} : ema.swapIn()) {
              model.save(temporary);
            }
            Files.writeString(temporary.resolve(ModelCard.FILE_NAME), card.toJson() + "\n");
          });
    }
  }
}

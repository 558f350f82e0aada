package dev.quern.transformer.train;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Buffer;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.Dataset;
import dev.quern.transformer.data.Loader;
import dev.quern.transformer.data.LoaderState;
import dev.quern.transformer.train.log.EvaluationReport;
import dev.quern.transformer.train.log.RunEnd;
import dev.quern.transformer.train.log.RunStart;
import dev.quern.transformer.train.log.StepReport;
import dev.quern.transformer.train.log.TrainingListener;
import dev.quern.transformer.train.loss.Loss;
import dev.quern.transformer.train.optimizer.Ema;
import dev.quern.transformer.train.optimizer.LossScale;
import dev.quern.transformer.train.optimizer.ParameterUpdates;
import dev.quern.transformer.train.optimizer.StepSettings;
import dev.quern.transformer.train.schedule.Schedule;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Trains a model: batch, loss, gradients, update, and now and then an evaluation and a checkpoint.
 *
 * <p>Forward pass, backward pass, clipping and update are recorded once for each shape of batch and
 * replayed. All chance is a function of seeds and the step, so a run gives the same bits for any
 * number of threads, and a resumed one those of the uninterrupted one, on the same kind of device.
 * On a CUDA device with cuBLASLt installed that takes {@code -Dquern.cuda.matmul=own}: by default
 * timings choose among that library's algorithms too, in each process anew.
 *
 * {@snippet :
 * try (FamilyModel model = FamilyModel.open(engine, folder);
 *     ParameterUpdates updates =
 *         ParameterUpdates.of(engine, optimizer, model.parameters()).skippingNonFinite().build();
 *     Trainer trainer =
 *         new Trainer(engine, model, loss, updates, schedule, batches, new TrainingOptions(2000))) {
 *   trainer.evaluate(validation, new LanguageModelEvaluation());
 *   trainer.saveTo(new RunCheckpoints(run.resolve("checkpoints")), "my run, version 1");
 *   trainer.run();
 * }
 * }
 */
public final class Trainer implements AutoCloseable {
  private static final String SCALE = "loss_scale";
  private static final String SKIPPED = "skipped";
  private static final String GOOD_STEPS = "good_steps";
  private static final int MOST_EMPTY = 1000;
  private static final String LOSS = "loss";
  private static final String BEST = "best_loss";
  private static final String BEST_STEP = "best_step";
  private static final String WAITED = "waited";
  private static final String TOKENS = "tokens";

  private final Engine engine;
  private final TrainableModel model;
  private final Loss loss;
  private final ParameterUpdates updates;
  private final Schedule schedule;
  private final Dataset<Batch> batches;
  private final TrainingOptions options;
  private final TrainingStep training;
  private @Nullable LossScale lossScale;
  private @Nullable Ema ema;
  private final Map<String, Double> numbers = new HashMap<>();
  private TrainingListener listener = new TrainingListener() {};
  private @Nullable Dataset<Batch> validation;
  private @Nullable Evaluator evaluator;
  private @Nullable RunCheckpoints checkpoints;
  private RunStart start;
  private String identity = "";
  private Map<String, Double> metrics = Map.of();
  private LoaderState data;
  private long step;
  private long stateBytes; // of parameters and what is saved with them; 0 until asked for

  /**
   * A run from its first step.
   *
   * @param engine runs it
   * @param model what is trained
   * @param loss what is made small
   * @param updates the optimiser, over the model's parameters; built with {@code
   *     skippingNonFinite()}, a loss that is not finite leaves the parameters as they were, and the
   *     layer it comes from is found
   * @param schedule the learning rate
   * @param batches number n is the same each time
   * @param options what happens when
   */
  public Trainer(
      Engine engine,
      TrainableModel model,
      Loss loss,
      ParameterUpdates updates,
      Schedule schedule,
      Dataset<Batch> batches,
      TrainingOptions options) {
    this.engine = engine;
    this.model = model;
    this.loss = loss;
    this.updates = updates;
    this.schedule = schedule;
    this.batches = batches;
    this.options = options;
    this.training = new TrainingStep(engine, model, loss, updates, options);
    this.data = LoaderState.start("");
    this.start = new RunStart("training", "", 1, options.steps(), parameterCount(), "");
  }

  /**
   * Says who hears of the run.
   *
   * @param to is told of the steps; closing it is the caller's
   * @param name of the run
   * @param configuration all settings, as YAML
   * @param description of the model, in a few words
   */
  public void listen(TrainingListener to, String name, String configuration, String description) {
    listener = to;
    start =
        new RunStart(name, configuration, step + 1, options.steps(), parameterCount(), description);
  }

  /**
   * Says on what the model is evaluated.
   *
   * @param on batches it is not trained on, in a known number
   * @param how the metrics
   */
  public void evaluate(Dataset<Batch> on, Evaluation how) {
    evaluate(on, how, loss);
  }

  /**
   * Says on what the model is evaluated.
   *
   * @param on batches it is not trained on, in a known number
   * @param how the metrics
   * @param by the loss to be told, if it is not the one that is trained, such as one without label
   *     smoothing
   */
  public void evaluate(Dataset<Batch> on, Evaluation how, Loss by) {
    validation = on;
    evaluator = new Evaluator(engine, model, by, how);
  }

  /**
   * Says where checkpoints go.
   *
   * @param to a run's checkpoints
   * @param run what is trained how, such as a hash of the configuration; only a run of the same
   *     words can go on from them
   */
  public void saveTo(RunCheckpoints to, String run) {
    checkpoints = to;
    identity = run;
    data = LoaderState.start(run);
  }

  /**
   * Scales the loss before gradients are taken. The updates must be built with {@code
   * lossScaling()}, and with {@code skippingNonFinite()} if the scale is dynamic.
   *
   * @param first the scale of the first step
   */
  public void scaleLoss(LossScale first) {
    lossScale = first;
    training.scaleLoss();
  }

  /**
   * Keeps averages of the parameters, with which the model is evaluated.
   *
   * @param averages over the model's parameters; closing them is the caller's
   */
  public void average(Ema averages) {
    ema = averages;
    training.average(averages);
  }

  /**
   * Goes on from a checkpoint. The model must have been opened from it already.
   *
   * @param saved one of this run's checkpoints
   * @throws TrainingException if it belongs to another run
   * @throws dev.quern.core.type.FormatException if its state is that of another optimiser
   */
  public void resume(RunCheckpoints.Saved saved) {
    RunState state = saved.state();
    if (!state.run().equals(identity)) {
      throw new TrainingException(
          saved.folder()
              + " belongs to a run with other settings; resume with the configuration it began"
              + " with, or train into another folder");
    }
    StateFile.read(engine, saved.folder().resolve(StateFile.NAME), savedBuffers(), true);
    step = state.step();
    data = state.data().expect(identity);
    numbers.putAll(state.numbers());
    metrics = state.metrics();
    if (lossScale != null) {
      lossScale =
          new LossScale(
              numbers.getOrDefault(SCALE, lossScale.scale()),
              lossScale.growth(),
              lossScale.shrink(),
              lossScale.interval(),
              numbers.getOrDefault(GOOD_STEPS, 0.0).longValue());
    }
  }

  /**
   * Trains until all steps are made, or the validation loss no longer falls.
   *
   * @return how it ended
   * @throws NonFiniteLossException if a loss or gradient is not finite; nothing was updated with it
   */
  public RunEnd run() {
    listener.started(
        new RunStart(
            start.name(),
            start.configuration(),
            step + 1,
            options.steps(),
            start.parameters(),
            start.model()));
    if (step == 0 && options.evaluateFirst()) {
      evaluateNow();
    }

    try (Loader<Batch> loader = Loader.of(batches, options.ahead(), data)) {
      while (step < options.steps() && !waitedEnough()) {
        makeStep(loader);
        boolean last = step == options.steps();
        boolean improved = false;
        if (last || due(options.evaluateEvery())) {
          improved = evaluateNow();
          last |= waitedEnough();
        }
        if (last || due(options.checkpointEvery()) || (improved && options.keepBest())) {
          save();
        }
        if (last) {
          break;
        }
      }
    }
    String reason =
        step < options.steps()
            ? "stopped early: no lower loss for " + options.patience() + " evaluations"
            : "all steps made";
    RunEnd end = new RunEnd(step, reason, metrics);
    listener.finished(end);
    return end;
  }

  /**
   * Makes steps and nothing else: no evaluation, no checkpoint. For measurements.
   *
   * @param count how many
   */
  public void makeSteps(int count) {
    try (Loader<Batch> loader = Loader.of(batches, options.ahead(), data)) {
      for (int i = 0; i < count; i++) {
        makeStep(loader);
      }
    }
  }

  /** What a checkpoint holds beside the model. */
  private Map<String, Buffer> savedBuffers() {
    Map<String, Buffer> all = new LinkedHashMap<>(updates.state());
    if (ema != null) {
      all.putAll(ema.state());
    }
    return all;
  }

  private boolean waitedEnough() {
    return options.patience() > 0 && numbers.getOrDefault(WAITED, 0.0) >= options.patience();
  }

  private boolean due(long every) {
    return every > 0 && step % every == 0;
  }

  private void makeStep(Loader<Batch> loader) {
    long begin = System.nanoTime();
    double rate = schedule.rate(step);
    long update = step + 1 - numbers.getOrDefault(SKIPPED, 0.0).longValue();
    double scale = lossScale == null ? 1 : lossScale.scale();
    StepSettings settings = new StepSettings(update, rate, schedule.momentum(step), scale);
    List<Batch> own = new ArrayList<>();
    long tokens = 0;
    for (int i = 0; i < options.accumulate(); i++) {
      Batch batch = next(loader);
      own.add(batch);
      tokens += batch.tokenCount();
    }
    TrainingStep.Result result = training.run(own, step, settings);
    if (!result.isFinite()) {
      skipOrStop(own, result.loss(), settings);
    } else if (lossScale != null) {
      lossScale = lossScale.next(true);
    }
    step++;
    numbers.merge(TOKENS, (double) tokens, Double::sum);
    data = loader.state();
    long nanos = System.nanoTime() - begin;
    listener.step(
        new StepReport(step, result.loss(), rate, result.norm(), tokens, nanos, memoryBytes()));
    if (due(options.histogramsEvery())) {
      model.parameters().forEach((n, b) -> listener.values(step, n, b.value().toFloats()));
    }
  }

  /** The next batch from which something can be learnt. */
  private Batch next(Loader<Batch> loader) {
    for (int i = 0; i < MOST_EMPTY; i++) {
      Batch batch = loader.next();
      if (batch == null) {
        throw new TrainingException(
            "[train] the data ended after step %d; give data for %d steps, or fewer steps"
                .formatted(step, options.steps()));
      }
      if (!batch.fields().containsKey(Batch.LABELS) || batch.labelCount() > 0) {
        return batch;
      }
    }
    throw new TrainingException(
        "[train] "
            + MOST_EMPTY
            + " batches one after another have no label that counts; look at the data, or give"
            + " longer contexts");
  }

  /** A loss scale that is too high is lowered; without one, such a value ends the run. */
  private void skipOrStop(List<Batch> own, double value, StepSettings settings) {
    if (lossScale == null || lossScale.shrink() == 1 || !Double.isFinite(value)) {
      throw nonFinite(own, value, settings);
    }
    lossScale = lossScale.next(false);
    numbers.merge(SKIPPED, 1.0, Double::sum);
  }

  private NonFiniteLossException nonFinite(List<Batch> own, double value, StepSettings settings) {
    NonFinite.Place place = training.diagnose(own, step, settings);
    String batch = own.size() == 1 ? "" : " of batch " + (place.batch() + 1) + " of " + own.size();
    RunCheckpoints.Saved last = checkpoints == null ? null : checkpoints.latest(_ -> {});
    return new NonFiniteLossException(
        step + 1,
        place.name(),
        "[train] step %d: the loss is %s; the first value that is not finite is in %s%s. "
                .formatted(step + 1, value, place.name(), batch)
            + (last == null
                ? "There is no checkpoint. "
                : "The last good checkpoint is " + last.folder() + ". ")
            + "Try a lower learning rate, more warm-up, or clipping of gradients");
  }

  /** Whether the validation loss is the lowest so far. */
  private boolean evaluateNow() {
    if (validation == null || evaluator == null) {
      return false;
    }
    EvaluationReport report;
    try (Ema.Swap _ = ema == null ? () -> {} : ema.swapIn()) {
      report = evaluator.evaluate(validation, step, "validation");
    }
    listener.evaluated(report);
    metrics = report.metrics();
    double now = metrics.getOrDefault(LOSS, Double.NaN);
    boolean improved = now < numbers.getOrDefault(BEST, Double.POSITIVE_INFINITY);
    if (improved) {
      numbers.put(BEST, now);
      numbers.put(BEST_STEP, (double) step);
      numbers.put(WAITED, 0.0);
    } else {
      numbers.merge(WAITED, 1.0, Double::sum);
    }
    return improved;
  }

  private void save() {
    if (checkpoints == null) {
      return;
    }
    if (lossScale != null) {
      numbers.put(SCALE, lossScale.scale());
      numbers.put(GOOD_STEPS, (double) lossScale.goodSteps());
    }
    checkpoints.write(
        new RunState(step, data, identity, numbers, metrics),
        folder -> {
          model.save(folder);
          StateFile.write(folder.resolve(StateFile.NAME), savedBuffers());
        });
    checkpoints.keep(
        step, options.keepLast(), options.keepBest() ? bestStep() : OptionalLong.empty());
  }

  /**
   * What the training holds: parameters, the optimiser's state, and the plans' memory.
   *
   * @return bytes
   */
  public long memoryBytes() {
    if (stateBytes == 0) {
      stateBytes = bytes(model.parameters()) + bytes(savedBuffers());
    }
    return stateBytes
        + training.memoryBytes()
        + (evaluator == null ? 0 : evaluator.workspaceBytes());
  }

  private static long bytes(Map<String, Buffer> buffers) {
    return buffers.values().stream().mapToLong(b -> b.spec().byteSize()).sum();
  }

  /**
   * How many updates were made.
   *
   * @return 0 before the first one
   */
  public long step() {
    return step;
  }

  /**
   * How many tokens it learnt from, each as often as it came; what rows are filled up with is not
   * counted.
   *
   * @return 0 before the first step
   */
  public long tokens() {
    return numbers.getOrDefault(TOKENS, 0.0).longValue();
  }

  /**
   * After which step the validation loss was lowest.
   *
   * @return 0 for before the first one; none without an evaluation
   */
  public OptionalLong bestStep() {
    Double best = numbers.get(BEST_STEP);
    return best == null ? OptionalLong.empty() : OptionalLong.of(best.longValue());
  }

  /**
   * The lowest validation loss.
   *
   * @return infinity without an evaluation
   */
  public double bestLoss() {
    return numbers.getOrDefault(BEST, Double.POSITIVE_INFINITY);
  }

  /**
   * Writes the model as it is evaluated: with averaged parameters if there are averages.
   *
   * @param folder exists, and is empty
   */
  public void saveModel(Path folder) {
    try (Ema.Swap _ = ema == null ? () -> {} : ema.swapIn()) {
      model.save(folder);
    }
  }

  private long parameterCount() {
    return model.parameters().values().stream().mapToLong(b -> b.spec().shape().elements()).sum();
  }

  /** Gives the plans' memory back. Model, updates and listener are their owners' to close. */
  @Override
  public void close() {
    training.close();
    if (evaluator != null) {
      evaluator.close();
    }
  }
}
